"""Reads and fetches a repository of a Hugging Face hub."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

# The import below reads these variables.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "60")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from huggingface_hub import HfApi, constants, errors, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from sirocco_serving.download.failure import DownloadError
from sirocco_serving.download.volume import NO_ACCESS, NO_SPACE, Place

AT_ONCE = 4
REQUEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit and the size in bytes of each of its files."""

    commit: str
    sizes: dict[str, int]


def inspect(place: Place) -> Snapshot:
    """Reads the commit and the files of the revision. Raises errors for `explain`."""
    info = HfApi().model_info(
        place.repository, revision=place.revision, files_metadata=True, timeout=REQUEST_SECONDS
    )
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    return Snapshot(info.sha or place.revision, sizes)


def fetch(place: Place, commit: str, sizes: dict[str, int]) -> None:
    """Fetches the files into the target. Fetched bytes stay for the next try. Raises errors for `explain`."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for done in as_completed([pool.submit(_fetch, place, commit, *item) for item in sizes.items()]):
            done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _fetch(place: Place, commit: str, path: str, size: int) -> None:
    """Fetches one file, from the byte where an earlier try stopped.

    After a crash the hub library's own downloads start each file again. Only its transport resumes.
    """
    final = place.file(path)
    if final.exists():
        return
    part = place.part(path)
    part.parent.mkdir(parents=True, exist_ok=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    if part.exists() and part.stat().st_size > size:
        part.unlink()
    with part.open("ab") as file:
        if file.tell() < size:
            url = hf_hub_url(place.repository, path, revision=commit)
            headers = build_hf_headers() | {"Accept-Encoding": "identity"}
            http_get(url, file, resume_size=file.tell(), headers=headers)
    if part.stat().st_size != size:
        raise OSError(f"{path} has {part.stat().st_size} bytes and should have {size}")
    part.rename(final)


def explain(error: BaseException, place: Place) -> DownloadError:
    """Returns the cause of an error of `inspect` or `fetch`, and what a person can do about it."""
    token = os.environ.get("HF_TOKEN")
    chain = _chain(error)
    for cause in chain:
        found = _explain_volume(cause, place) or _explain_answer(cause, place, token)
        if found is not None:
            return found
    named = f"hf://{place.repository} at revision {place.revision}"
    for cause in chain:
        if _from_network(cause):
            return DownloadError(
                "no-network",
                f"{named}: no answer from {constants.ENDPOINT} ({type(cause).__name__}): "
                "let the pod reach it, or set HF_ENDPOINT in engine.env to a mirror",
            )
    message = str(error).replace(token, "***") if token else str(error)
    return DownloadError("failed", f"{named}: {type(error).__name__}: {' '.join(message.split())[:500]}")


def _explain_volume(cause: BaseException, place: Place) -> DownloadError | None:
    if not isinstance(cause, OSError):
        return None
    if cause.errno in NO_SPACE:
        return place.no_space(os.strerror(cause.errno or 0))
    if cause.errno in NO_ACCESS:
        return place.no_access(cause)
    return None


def _explain_answer(cause: BaseException, place: Place, token: str | None) -> DownloadError | None:
    named = f"hf://{place.repository} at revision {place.revision}"
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if isinstance(cause, errors.RevisionNotFoundError):
        return DownloadError("not-found", f"{named}: there is no such revision: check model.revision")
    # Without a token the hub also answers 401 for a repository that does not exist.
    if isinstance(cause, errors.GatedRepoError) or status == 403 or (status == 401 and token):
        if token:
            advice = (
                "the token HF_TOKEN in the Secret that model.secretName names has no access: "
                "accept the model's terms with its account, or use another token"
            )
        else:
            advice = "it needs a token: set model.secretName to a Secret with the key HF_TOKEN"
        return DownloadError("forbidden", f"{named} is refused by the hub: {advice}")
    if isinstance(cause, errors.RepositoryNotFoundError | errors.HFValidationError) or status in (401, 404):
        advice = "" if token else "; a private one needs model.secretName with the key HF_TOKEN"
        return DownloadError("not-found", f"{named} does not exist or is private: check model.uri{advice}")
    if status is not None:
        return DownloadError(
            "no-network",
            f"{named}: {constants.ENDPOINT} answers with status {status}: it will be tried again",
        )
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _from_network(error: BaseException) -> bool:
    package = type(error).__module__.partition(".")[0]
    client = package in {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}
    return client or isinstance(error, ConnectionError | TimeoutError)
