"""What Gradio offers to strangers that a public page of ours should not."""

import errno
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse

from page.pictures import NO_PICTURE

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

# Fetching addresses that a stranger names, and taking recordings of screens.
CLOSED = re.compile(r"/file[=/]\s*https?:|/proxy=|/process_recording", re.IGNORECASE)
UPLOAD = "/gradio_api/upload"
MAX_UPLOAD = 122 << 20  # bytes of an upload; up to nearly here Gradio takes files, and we refuse
MAX_BODY = 34 << 20  # bytes of any other request, which Gradio reads into memory

NO_ROOM = "There is no room for your picture right now; please try again in a few minutes."


class Guard:
    """ASGI middleware before all of Gradio.

    It answers 404 to `CLOSED`, 413 to what is too large, and a sentence when the disk is full.
    """

    def __init__(self, app: Application) -> None:
        """Stand before an application."""
        self._uploads = RequestBodyLimitMiddleware(app, MAX_UPLOAD)
        self._others = RequestBodyLimitMiddleware(app, MAX_BODY)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http" and CLOSED.search(scope["path"]):
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)
            return
        try:
            app = (
                self._uploads
                if scope["type"] == "http" and scope["path"] == UPLOAD
                else self._others
            )
            await app(scope, receive, send)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            # The copies are swept within minutes, so nothing need be done but to wait.
            await PlainTextResponse(NO_ROOM, status_code=507)(scope, receive, send)


class Page(gr.Blocks):
    """Blocks that answer wrong input with a sentence.

    Gradio would answer with nothing, and write a traceback into the log that holds what was sent:
    a picture, or the name of its file.
    """

    async def preprocess_data(self, *given: Any, **named: Any) -> Any:
        """As Gradio does."""
        try:
            return await super().preprocess_data(*given, **named)
        except gr.Error:
            raise
        except Exception as error:
            raise gr.Error(NO_PICTURE, print_exception=False) from error
