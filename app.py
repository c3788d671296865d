"""The Space: loads the recognizer once, builds the page, launches it."""

import os
import warnings

import gradio as gr
from starlette.middleware import Middleware

from fer_core import EmotionRecognizer, ModelLoadError, TruncatedVideoWarning
from page import calls, copies, guard, look, memory, snippets, tools
from page.layout import build_page
from page.texts import i18n

try:
    import spaces
except ImportError:  # not on Hugging Face
    pass
else:

    @spaces.GPU  # type: ignore[untyped-decorator]
    def _zero_gpu_placeholder() -> None:
        """ZeroGPU hardware ends an app at start-up that decorates nothing; we run on the CPU."""


# Gradio breaks off a larger upload in its own words; up to here we refuse it in ours.
MAX_UPLOAD = "120mb"

# Every call of a program is a session to Gradio, which keeps 85 kB of each.
MAX_SESSIONS = 500

# Statistics of its queue that Gradio would compute anew, over 10,000 events, after each answer.
GRADIO_SETTINGS = {"GRADIO_ANALYTICS_CACHE_FREQUENCY": "100", "GRADIO_ANALYTICS_MAX_EVENTS": "100"}


def build_demo(recognizer: EmotionRecognizer) -> gr.Blocks:
    """The page and its endpoints.

    Args:
        recognizer: shared by all requests.

    Returns:
        The Blocks, not launched.
    """
    return build_page(recognizer)


def main() -> None:
    """Load, warm up, launch; Gradio's own variables move host, port and folder of copies."""
    warnings.simplefilter("ignore", TruncatedVideoWarning)  # the answer tells, the log need not
    memory.keep_little()
    copies.set_up()
    guard.set_up()
    snippets.set_up()
    tools.set_up()
    for name, value in GRADIO_SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        recognizer = EmotionRecognizer.load()
    except ModelLoadError as error:
        raise SystemExit(f"error: {error}") from error
    look.describe()
    build_demo(recognizer).launch(
        **look.SETTINGS,
        i18n=i18n,
        max_file_size=MAX_UPLOAD,
        show_error=False,
        run_history=False,
        ssr_mode=False,
        mcp_server=True,
        state_session_capacity=MAX_SESSIONS,
        enable_monitoring=False,
        app_kwargs={
            "middleware": [Middleware(guard.Guard), Middleware(calls.KnownEvents)],
            "exception_handlers": calls.HANDLERS,
        },
    )


if __name__ == "__main__":
    main()
