"""What Gradio offers to strangers that a public page of ours should not."""

import errno
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from starlette.responses import PlainTextResponse

from page.pictures import NO_PICTURE

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

# Fetching addresses that a stranger names, and taking recordings of screens.
CLOSED = re.compile(r"/file[=/]\s*https?:|/proxy=|/process_recording", re.IGNORECASE)


NO_ROOM = "There is no room for your picture right now; please try again in a few minutes."


class Guard:
    """ASGI middleware that answers 404 to `CLOSED`, and with a sentence when the disk is full."""

    def __init__(self, app: Application) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http" and CLOSED.search(scope["path"]):
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
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
