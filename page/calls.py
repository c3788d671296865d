"""Tell programs what is wrong with a call, in a sentence; Gradio answers 500 and logs tracebacks.

Nothing that was sent stands in the answer or the log.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError
from gradio.server_messages import UnexpectedErrorMessage
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LOG = logging.getLogger(__name__)

CALL = re.compile(r"/gradio_api/(?:call/(?:v2/)?|run/|api/)([^/]+)/?$")
ANSWER = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?$")
EVENTS = "/gradio_api/queue/data"
WRONG_ARGUMENTS = ("Parameter `", "No value provided for required argument")  # as Gradio says it

NO_EVENT = (
    "There is no call with this event id, or its answer was fetched already; please call again."
)
NO_SESSION = "This session is over; please load the page again."
NO_JSON = (
    "Please send a JSON object: for /gradio_api/call/v2/NAME with the arguments by name, for "
    '/gradio_api/call/NAME with their values as a list, "data".'
)


def no_endpoint(request: Request, _error: Exception) -> Response:
    """Answer a call of an endpoint that there is not."""
    names = ", ".join(_endpoints(request))
    return refuse(404, f"There is no endpoint of this name; there are {names}.")


def wrong_arguments(request: Request, error: Exception) -> Response:
    """Answer a call with wrong names; what is no fault of the caller goes on as before."""
    called = CALL.search(request.url.path)
    if called is None:
        raise error
    info = _endpoints(request).get(f"/{called[1]}")
    if info is None:
        return no_endpoint(request, error)
    if not str(error).startswith(WRONG_ARGUMENTS):
        raise error
    names = " and ".join(f'"{it["parameter_name"]}"' for it in info["parameters"])
    return refuse(422, f"/{called[1]} takes {names} by name, and nothing else.")


async def no_json(request: Request, error: RequestValidationError) -> Response:
    """Answer a call whose body cannot be read."""
    if CALL.search(request.url.path):
        return refuse(422, NO_JSON)
    return await request_validation_exception_handler(request, error)


def refuse(status: int, sentence: str) -> Response:
    """Answer a sentence, and log that it was said."""
    LOG.warning("a call was refused (%d): %s", status, sentence)
    return JSONResponse({"detail": sentence}, status)


HANDLERS: Mapping[Any, Any] = {
    FnIndexInferError: no_endpoint,
    KeyError: wrong_arguments,
    TypeError: wrong_arguments,
    RequestValidationError: no_json,
}
"""What FastAPI calls when one of these errors is raised before an answer was begun."""


class KnownEvents:
    """ASGI middleware that answers for events that there are not.

    Gradio would begin an answer, and then fail or never end it.
    """

    def __init__(self, app: Any) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer, or pass on."""
        app = self._app
        if scope["type"] == "http" and scope["method"] == "GET":
            app = self._refusal(scope) or app
        await app(scope, receive, send)

    def _refusal(self, scope: MutableMapping[str, Any]) -> Response | None:
        path = scope["path"]
        if asked := ANSWER.search(path):
            # An event whose answer was sent is no longer pending, but for a moment still among
            # `event_ids_to_events`; a second request in that moment would wait for ever.
            sessions = _blocks(scope)._queue.pending_event_ids_session  # noqa: SLF001
            known = any(asked[1] in events for events in sessions.values())
            return None if known else refuse(404, NO_EVENT)
        if path.endswith(EVENTS):
            session = Request(scope).query_params.get("session_hash")
            queue = _blocks(scope)._queue  # noqa: SLF001
            if session is not None and session not in queue.pending_messages_per_session:
                LOG.warning("a session was asked for that is over")
                message = UnexpectedErrorMessage(message=NO_SESSION, session_not_found=True)
                return Response(
                    f"data: {message.model_dump_json()}\n\n", media_type="text/event-stream"
                )
        return None


def _blocks(scope: MutableMapping[str, Any]) -> Any:
    return scope["app"].get_blocks()


def _endpoints(request: Request) -> dict[str, Any]:
    """What Gradio tells of the public endpoints, by their name with a slash before it."""
    found: dict[str, Any] = _blocks(request.scope).get_api_info()["named_endpoints"]
    return found
