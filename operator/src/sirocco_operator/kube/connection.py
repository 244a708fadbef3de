"""One pool of connections to the API server: requests out, JSON in."""

import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from kubernetes.aio import client, config
from yarl import URL

from sirocco_operator.kube.errors import AnswerTooLongError, ApiError, api_error

_ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError)
_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# A watch has a bookmark about every minute: one that says nothing for so long is dead.
_SILENCE_SECONDS: Final = 90.0
# A line of a watch is an object, of 3 MiB at the most.
_READ_BUFFER: Final = 2**21
# Anybody may make objects of a MiB with our labels: a chunk of hundreds would take all memory.
_LONGEST_ANSWER: Final = 2**24

# Receives each call: verb, kind, HTTP status (0 without an answer).
CallReport = Callable[[str, str, int], None]
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Credentials:
    """How this process reaches the API server."""

    server: str
    ca_path: str | None
    token: str | None
    certificate_path: str | None
    key_path: str | None
    insecure: bool


class Connection:
    """Requests with the credentials that `kubernetes` finds and refreshes.

    They go through a session of our own: one that looks for a proxy and a netrc file at each request, as that
    library's does, takes three times as long.
    """

    def __init__(self, api: client.ApiClient, http: aiohttp.ClientSession, report: CallReport) -> None:
        self._api = api
        self._http = http
        self._report = report

    @classmethod
    async def open(cls, user_agent: str, report: CallReport) -> Self:
        """Use $KUBECONFIG, else the pod's service account, else ~/.kube/config.

        Raises ApiError without any of them.
        """
        configuration = client.Configuration()
        try:
            if _in_cluster():
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise ApiError(0, f"no cluster is configured: {error}") from error
        api = client.ApiClient(configuration)
        http = aiohttp.ClientSession(
            # Each watch holds a connection; a bound would keep writes and the lease waiting for them.
            connector=aiohttp.TCPConnector(ssl=api.rest_client.ssl_context, limit=0),
            headers={"Accept": "application/json", "User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=configuration.proxy or _proxy_of(configuration.host),
            read_bufsize=_READ_BUFFER,
        )
        return cls(api, http, report)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
        await self._api.close()  # type: ignore[no-untyped-call]

    async def credentials(self) -> Credentials:
        """What another client needs to reach the same API server, fresh."""
        configuration = self._api.configuration
        header = (await self._authorization()).get("authorization", "")
        return Credentials(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            # The scheme is "Bearer" or "bearer", by where the token comes from.
            token=header.partition(" ")[2] or None,
            certificate_path=configuration.cert_file,
            key_path=configuration.key_file,
            insecure=not configuration.verify_ssl,
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        verb: str,
        seconds: float,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send a request and return the answer; raises ApiError, after `seconds` at the latest.

        Raises AnswerTooLongError when it has more than 16 MiB.
        """
        status = 0
        try:
            response = await self._request(method, path, query, seconds, body, content_type)
            status = response.status
            async with response:
                content = await _read(response)
        except _ERRORS as error:
            if method != "GET" and isinstance(error, TimeoutError):
                raise _late(seconds) from error
            raise _unreachable(error) from error
        finally:
            self._report(verb, kind, status)
        if status >= 400:
            raise api_error(status, content, response.headers.get("Retry-After", ""))
        answer: dict[str, Any] = orjson.loads(content)
        return answer

    async def lines(
        self, path: str, query: Mapping[str, str], *, kind: str, verb: str, seconds: float
    ) -> AsyncGenerator[Sequence[bytes], None]:
        """The lines of an answer as they come, those that arrive together in one batch; raises ApiError.

        The first batch is empty: it tells that the answer has begun.
        """
        status = 0
        try:
            response = await self._request("GET", path, query, seconds, silence=_SILENCE_SECONDS)
            status = response.status
            async with response:
                if status >= 400:
                    raise api_error(status, await response.read(), response.headers.get("Retry-After", ""))
                yield ()
                rest = b""
                async for part in response.content.iter_any():
                    *lines, rest = (rest + part).split(b"\n")
                    if lines:
                        yield lines
        except _ERRORS as error:
            raise _unreachable(error) from error
        finally:
            self._report(verb, kind, status)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        seconds: float,
        body: Body | None = None,
        content_type: str = "application/json",
        silence: float | None = None,
    ) -> aiohttp.ClientResponse:
        url = f"{self._api.configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        return await self._http.request(
            method,
            URL(url, encoded=True),
            headers={"Content-Type": content_type, **await self._authorization()},
            data=None if body is None else _as_go_writes(body),
            timeout=aiohttp.ClientTimeout(total=seconds, sock_read=silence),
            server_hostname=self._api.configuration.tls_server_name,
        )

    async def _authorization(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        return {name.lower(): value for name, value in headers.items()}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > _LONGEST_ANSWER:
            raise AnswerTooLongError(
                response.status, f"an answer of more than {_LONGEST_ANSWER >> 20} MiB is not read"
            )
    return bytes(content)


def current_namespace() -> str:
    """The namespace that kubectl uses when none is given: of the current context, or of the pod."""
    if _in_cluster():
        return (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    try:
        _, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return "default"
    return str(active["context"].get("namespace") or "default")


def _in_cluster() -> bool:
    return not os.environ.get("KUBECONFIG") and (_SERVICE_ACCOUNT / "token").exists()


def _as_go_writes(body: Body) -> bytes:
    """The JSON that the API server would write itself.

    It keeps the data of a ControllerRevision as text, writes it anew at each change, and refuses another one.
    """
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    for character in (b"<", b">", b"&"):
        text = text.replace(character, b"\\u%04x" % ord(character))
    return text


def _proxy_of(server: str) -> str | None:
    """The proxy that the environment names for the API server."""
    parts = urlsplit(server)
    proxy = getproxies().get(parts.scheme)
    return proxy if proxy and not proxy_bypass(parts.hostname or "") else None


def _unreachable(error: Exception) -> ApiError:
    return ApiError(0, f"the API server cannot be reached: {str(error) or type(error).__name__}")


def _late(seconds: float) -> ApiError:
    """As the API server says it when its own limit is over."""
    return ApiError(504, f"no answer within {seconds:.0f} s, as when an admission webhook is slow", "Timeout")
