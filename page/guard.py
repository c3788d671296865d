"""What Gradio offers to strangers that a public page of ours should not."""

import errno
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
import gradio.processing_utils
from gradio_client.utils import is_file_obj_with_meta, traverse
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse

from page.addresses import NOT_FETCHED, SERVED, AddressError
from page.pictures import NO_PICTURE

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

# Fetching addresses that a stranger names, taking recordings of screens, and writing what a visitor
# sees into a file.
CLOSED = re.compile(r"/file[=/]\s*https?:|/proxy=|/process_recording|/deep_link", re.IGNORECASE)
UPLOAD = "/gradio_api/upload"
MAX_UPLOAD = 122 << 20  # bytes of an upload; up to nearly here Gradio takes files, and we refuse
MAX_BODY = 34 << 20  # bytes of any other request, which Gradio reads into memory

NO_ROOM = "There is no room for your picture right now; please try again in a few minutes."


def set_up() -> None:
    """Have Gradio fetch nothing; it would, for every event, files of any size."""
    vars(gradio.processing_utils)["async_ssrf_protected_download"] = _refuse


async def _refuse(*_: Any, **__: Any) -> str:
    raise AddressError(NOT_FETCHED)


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
    """Blocks that answer wrong input with a sentence, and keep nothing of it.

    Gradio would answer with nothing, and write a traceback into the log that holds what was sent:
    a picture, or the name of its file.
    """

    description = (
        "Finds every face in a picture or video and says which of seven emotions people would read "
        "in it, with calibrated probabilities: how a crowd would label an expression, not what a "
        "person feels."
    )  # of the OpenAPI document

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> Any:
        """As Gradio does."""
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except Exception as error:
            missing = [getattr(block, "missing", NO_PICTURE) for block in block_fn.inputs]
            raise gr.Error(missing[0], print_exception=False) from error
        finally:
            # Kept for an hour, for the links that `CLOSED` closes: with pictures inside of calls
            # that would be gigabytes.
            for block in block_fn.inputs:
                if state is not None and block._id in state.config_values:  # noqa: SLF001
                    state._update_value_in_config(block._id, None)  # noqa: SLF001

    def get_api_info(self, *args: Any, **named: Any) -> Any:
        """As Gradio does, with this server's address before those of the example pictures."""
        host = os.environ.get("SPACE_HOST")  # which Spaces set
        server = f"https://{host}" if host else (self.local_url or "").rstrip("/")

        def complete(file: dict[str, Any]) -> dict[str, Any]:
            if not file["path"].startswith(SERVED):
                return file
            return {**file, "path": server + file["path"], "url": server + file["path"]}

        return traverse(super().get_api_info(*args, **named), complete, is_file_obj_with_meta)
