"""The error of one request, answered in OpenAI's format."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sirocco_serving.request.paths import prompt_field
from sirocco_serving.request.state import set_error_code

# OpenAI's names for the types of errors.
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class _ErrorResponse(JSONResponse):
    """Keeps the error's code for the log and the metrics when it is sent."""

    def __init__(self, content: object, status: int, headers: Mapping[str, str], *, code: str) -> None:
        super().__init__(content, status_code=status, headers=headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        set_error_code(scope, self._code)
        await super().__call__(scope, receive, send)


class RequestError(Exception):
    """A request that gets an error for an answer.

    `status` is the HTTP status, `code` a stable word that programs may match, `param` the wrong field.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds

    @property
    def type(self) -> str:
        """OpenAI's name for the type of the error."""
        return _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")

    def response(self) -> JSONResponse:
        """Returns the answer for the client."""
        headers = {}
        if self.retry_after_seconds is not None:
            headers["retry-after"] = str(self.retry_after_seconds)
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return _ErrorResponse(self.body(), self.status, headers, code=self.code)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request."""
        await self.response()(scope, receive, send)

    def body(self) -> dict[str, dict[str, str | None]]:
        """Returns OpenAI's error object."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


async def answer_request_error(request: Request, error: Exception) -> Response:
    """Answers a RequestError that a route raised, ours or vLLM's. Raises any other error again."""
    if not isinstance(error, RequestError):
        raise error
    if error.param == "prompt":
        error.param = prompt_field(request.scope["path"])
    return error.response()
