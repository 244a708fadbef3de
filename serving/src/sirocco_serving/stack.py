"""The order of the middleware layers, and the reason for each place.

vLLM imports `Stack` by its path: `--middleware sirocco_serving.stack.Stack`.
"""

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
    """Returns the layers, outermost first. Leaves out what the settings switch off."""
    access, limits = settings.access, settings.limits
    found: list[Layer] = []
    # Outermost: the log's id is the id of the trace that this layer starts.
    if settings.tracing is not None:
        # Imported only here: the import takes a second.
        from sirocco_serving.telemetry.trace import Trace, tracer_provider

        spans = tracer_provider(settings.tracing, settings.model)
        found.append(lambda app: Trace(app, spans))
    # Sees every answer, whichever layer gives it.
    found.append(lambda app: Observe(app, settings.model))
    # Outside every layer that refuses, so that a page can read why. A preflight ends here and needs no key.
    if access.allowed_origins:
        found.append(lambda app: Cors(app, access.allowed_origins))
    # Outside every layer that may fail, so that each failure has the one error format.
    found.append(ErrorFormat)
    # Outside the layers whose answers a drain waits for.
    found.append(lambda app: Drain(app, settings.drain))
    # Before the allowlist: the internal key opens vLLM's own routes.
    if (keys := open_keys(access)) is not None:
        found.append(lambda app: Identify(app, keys))
    # Before the keys: an unknown path is a 404 for everyone.
    found.append(Allowlist)
    # Before the body is read: a stranger costs no memory.
    if access.keys_folder is not None:
        found.append(RequireKey)
        # Before the body is read, and after the key, which has the rate.
        found.append(RateLimit)
    # Before every layer that reads the body, and before admission: a slow sender holds no place.
    found.append(lambda app: Body(app, limits.body_bytes))
    if access.keys_folder is not None:
        # After the body, which names the model.
        found.append(AllowedModels)
    # Before admission: a request that is refused for its body never waits.
    prompt_filter = PromptFilter(access.denied_patterns, installed_checks())
    found.append(lambda app: Policy(app, limits, prompt_filter))
    # Before admission: a kept answer takes no place in the engine.
    if (kept := settings.answer_cache) is not None:
        answers = AnswerCache(kept.bytes, kept.seconds)
        found.append(lambda app: Cache(app, answers, settings.generation.temperature))
    # After every layer that answers without the engine.
    if (places := limits.in_flight) is not None:
        found.append(lambda app: Admission(app, places, limits.queue, limits.queue_seconds))
    # Acts at the start alone.
    found.append(RequirePlugin)
    # Next to vLLM, whose count it reads.
    found.append(TokenUsage)
    return found


class Stack:
    """Wraps vLLM's app in all layers."""

    def __init__(self, app: ASGIApp) -> None:
        for layer in reversed(layers(settings())):
            app = layer(app)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or the start and end of the server."""
        await self._app(scope, receive, send)
