"""The order of the middleware, with the reason for each place; the one class that vLLM is told to import."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.access.allowed_models import AllowedModels
from sirocco_serving.access.allowlist import Allowlist
from sirocco_serving.access.cors import Cors
from sirocco_serving.access.identify import Identify
from sirocco_serving.access.keys import open_keys
from sirocco_serving.access.rate_limit import RateLimit
from sirocco_serving.access.require_key import RequireKey
from sirocco_serving.admission.layer import Admission
from sirocco_serving.cache.answer_cache import AnswerCache
from sirocco_serving.cache.layer import Cache
from sirocco_serving.config import Settings, settings
from sirocco_serving.drain import Drain
from sirocco_serving.engine.require_plugin import RequirePlugin
from sirocco_serving.errors.error_format import ErrorFormat
from sirocco_serving.limits.body import Body
from sirocco_serving.limits.policy import Policy
from sirocco_serving.limits.prompt_filter import PromptFilter, installed_checks
from sirocco_serving.telemetry.observe import Observe
from sirocco_serving.telemetry.token_usage import TokenUsage

Layer = Callable[[ASGIApp], ASGIApp]


def layers(settings: Settings) -> list[Layer]:
    """The layers, outermost first; what is off is not among them."""
    access, limits = settings.access, settings.limits
    found: list[Layer] = []
    # Outermost: what it hands on as the trace is the id in the log, too.
    if settings.tracing is not None:
        # Only here: it costs a second of a start.
        from sirocco_serving.telemetry.trace import Trace, provider

        spans = provider(settings.tracing, settings.model)
        found.append(lambda app: Trace(app, spans))
    # Sees every answer, whoever gives it.
    found.append(lambda app: Observe(app, settings.model))
    # Before all that may refuse, so that a page can read why; a preflight ends here and needs no key.
    if access.allowed_origins:
        found.append(lambda app: Cors(app, access.allowed_origins))
    # Outside all that may fail, so that whatever fails is told in the one shape.
    found.append(ErrorFormat)
    # Waits for whatever is answered further in.
    found.append(lambda app: Drain(app, settings.drain))
    # Before the allowlist, since the internal key opens vLLM's own routes.
    if (keys := open_keys(access)) is not None:
        found.append(lambda app: Identify(app, keys))
    # Before the keys: a path that is not there is a 404 for everyone.
    found.append(Allowlist)
    # Before the body is read: strangers cost a header, no memory.
    if access.keys_folder is not None:
        found.append(RequireKey)
        # Before the body is read, too; after the key, whose rate it is.
        found.append(RateLimit)
    # Before all that looks into the body, and before a place is taken: a slow sender holds none.
    found.append(lambda app: Body(app, limits.body_bytes))
    if access.keys_folder is not None:
        found.append(AllowedModels)
    # Before a place is taken: what is refused by its text alone never waits.
    prompt_filter = PromptFilter(access.denied_patterns, installed_checks())
    found.append(lambda app: Policy(app, limits, prompt_filter))
    # Before a place is taken: a kept answer costs the engine nothing.
    if (kept := settings.answer_cache) is not None:
        answers = AnswerCache(kept.bytes, kept.seconds)
        found.append(lambda app: Cache(app, answers, settings.generation.temperature))
    # Last, so that a place is taken by what the engine will really work on.
    if (places := limits.in_flight) is not None:
        found.append(lambda app: Admission(app, places, limits.queue, limits.queue_seconds))
    found.append(RequirePlugin)
    # Next to vLLM, whose count it reads.
    found.append(TokenUsage)
    return found


class Stack:
    """All layers around vLLM's app."""

    def __init__(self, app: ASGIApp) -> None:
        for layer in reversed(layers(settings())):
            app = layer(app)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or the server's start and end."""
        await self._app(scope, receive, send)
