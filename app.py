"""The Space: a page with three ways to hand in a picture, and two endpoints for programs.

constants -> recognizer loaded once -> `build_demo` -> guarded launch. User interface only; what is
found in a picture is decided in fer_core.
"""

import contextlib
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from numpy.typing import NDArray

from fer_core import (
    Emotion,
    EmotionPrediction,
    EmotionRecognizer,
    FerError,
    RecognitionResult,
    annotate,
    load_image,
)
from fer_core.drawing import label_text, percent
from fer_core.emotions import BY_NAME

try:
    import spaces
except ImportError:  # not on Hugging Face
    pass
else:

    @spaces.GPU  # type: ignore[untyped-decorator]
    def _zero_gpu_placeholder() -> None:
        """ZeroGPU hardware ends an app at start-up that decorates nothing; we run on the CPU."""


EXAMPLES_DIR = Path(__file__).resolve().parent / "examples"
EXAMPLES = {
    "happy_f_asian_01.jpg": "Happy",
    "surprise_m_african_01.jpg": "Surprise",
    "angry_f_european_02.jpg": "Angry",
    "sad_f_african_01.jpg": "Sad",
    "fear_m_asian_01.jpg": "Fear",
    "disgust_m_european_01.jpg": "Disgust",
    "neutral_m_european_01.jpg": "Neutral",
    "happy_f_african_roll30_01.jpg": "Tilted",
    "group_happy-surprise-angry_01.jpg": "Group",
}
"""Pictures of the gallery, by file name, with the caption that a visitor sees."""

# A copy of an upload lives at most five minutes: swept every half minute when older than four.
SWEEP_SECONDS, COPY_SECONDS = 30, 240
# Gradio breaks off a larger upload in its own words; up to here fer_core refuses it in ours.
MAX_UPLOAD = "32mb"
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 2}
MAX_QUEUE = 64
PICTURE_HEIGHT = 380  # pixels

PageValues = tuple[str, gr.Image, gr.Radio, str, list[str]]
"""Values of status, annotated picture, chooser, answer, and the answers of all faces."""

TITLE = "Face emotion reader"
INTRO = (
    "# Which emotion would people read in this face?\n"
    "Choose a picture, take a snapshot or try an example. The answer comes by itself."
)
NOTE = (
    "The answer is how a crowd would label the **expression**; nobody can see from outside what a "
    "person **feels**. Do not use it to judge people. Pictures are not kept: temporary copies are "
    "deleted within five minutes, and nobody is identified."
)
WAITING = "The answer will appear here."
NO_FACE = (
    "**No face was found in this picture.** It helps when the face looks towards the camera, is "
    "well lit and takes up at least a sixth of the picture's width."
)
NO_PICTURE = "Please give a picture."
CSS = """
.fer-emoji {font-family: "Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", sans-serif}
.fer-answer {display: grid; gap: 1rem}
.fer-headline {display: flex; align-items: center; gap: .75rem; font-size: 1.35rem;
  font-weight: 650}
.fer-headline .fer-emoji {font-size: 2.4rem; line-height: 1}
.fer-headline small {display: block; font-size: .95rem; font-weight: 400;
  color: var(--body-text-color-subdued)}
.fer-bars {list-style: none; margin: 0; padding: 0; display: grid; gap: .4rem}
.fer-bars li {display: grid; grid-template-columns: 1.6rem 5.2rem 1fr 3.2rem; gap: .5rem;
  align-items: center; margin: 0}
.fer-bars li.fer-best {font-weight: 650}
.fer-track {height: .85rem; border-radius: 99px; overflow: hidden; display: flex;
  background: var(--border-color-primary)}
.fer-track i {display: block; height: 100%}
.fer-value {text-align: right; font-variant-numeric: tabular-nums}
.fer-happy-sad h3 {margin: 0 0 .4rem; font-size: 1rem}
.fer-happy-sad small {font-weight: 400; color: var(--body-text-color-subdued)}
.fer-happy-sad .fer-track {height: 1.1rem}
.fer-happy-sad p {display: flex; justify-content: space-between; margin: .3rem 0 0}
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture with its answer."""

    picture: NDArray[np.uint8]
    result: RecognitionResult

    def annotated(self) -> NDArray[np.uint8]:
        """A copy of the picture with boxes and labels; drawn only for who looks at it."""
        return annotate(self.picture, self.result)


class Handlers:
    """What the page and the endpoints do with a picture; all share one recognizer."""

    def __init__(self, recognizer: EmotionRecognizer) -> None:
        """Keep the recognizer, which every request uses."""
        self._recognizer = recognizer

    def read(self, path: str) -> Reading:
        """Decode once, recognize."""
        picture = load_image(path)
        return Reading(picture, self._recognizer.recognize(picture))

    def predict(self, image: str) -> dict[str, Any]:
        """Find every face in a picture and say which emotion people would read in it.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; at most 20 MB).

        Returns:
            The picture's size and, for each face, largest first: box in pixels, score, label,
            calibrated probabilities of the seven emotions, and happy versus sad.
        """
        return self._read_for_program(image).result.to_dict()

    def annotate(self, image: str) -> NDArray[np.uint8]:
        """Draw a box and the emotion on every face of a picture.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; at most 20 MB).

        Returns:
            The picture with boxes and labels; unmarked when it has no face.
        """
        return self._read_for_program(image).annotated()

    def show(self, path: str | None) -> PageValues:
        """The one handler of the page: what to show for a picture, or for none."""
        if path is None:
            return page_values(None, WAITING)
        try:
            reading = self.read(path)
        except FerError as error:
            gr.Warning(str(error), title="This picture cannot be read")
            return page_values(None, str(error))
        return page_values(reading, status_text(reading.result))

    def show_example(self, event: gr.SelectData) -> PageValues:
        """The same for a picture of the gallery."""
        return self.show(str(EXAMPLES_DIR / list(EXAMPLES)[event.index]))

    def _read_for_program(self, path: str | None) -> Reading:
        """As `read`, with errors as the API's clients get them."""
        if path is None:
            raise gr.Error(NO_PICTURE, print_exception=False)
        try:
            return self.read(path)
        except FerError as error:
            raise gr.Error(str(error), print_exception=False) from error


def build_demo(recognizer: EmotionRecognizer) -> gr.Blocks:
    """The page and its endpoints.

    Args:
        recognizer: shared by all requests.

    Returns:
        The Blocks, not launched.
    """
    handlers = Handlers(recognizer)
    gr.set_static_paths([EXAMPLES_DIR])  # served where they lie, not from copies
    demo = gr.Blocks(title=TITLE, analytics_enabled=False)
    with demo:
        gr.Markdown(INTRO)
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320), gr.Tabs():
                with gr.Tab("Upload"):
                    upload = picture_input(
                        label="Your picture", sources=["upload", "clipboard"], elem_id="upload"
                    )
                with gr.Tab("Webcam"):
                    webcam = picture_input(label="Snapshot", sources=["webcam"], elem_id="webcam")
                with gr.Tab("Examples"):
                    gallery = gr.Gallery(
                        [(str(EXAMPLES_DIR / name), text) for name, text in EXAMPLES.items()],
                        elem_id="gallery",
                        show_label=False,
                        columns=3,
                        height="max-content",
                        object_fit="cover",
                        allow_preview=False,
                        interactive=False,
                        buttons=[],
                    )
            with gr.Column(min_width=320):
                status = gr.Markdown(WAITING, elem_id="status")
                picture = gr.Image(
                    label="Answer",
                    elem_id="annotated",
                    format="jpeg",
                    interactive=False,
                    visible=False,
                    buttons=["download", "fullscreen"],
                )
                chooser = gr.Radio(label="Face", elem_id="faces", visible=False, interactive=True)
                answer = gr.HTML(elem_id="answer")
        gr.Markdown(NOTE)
        answers = gr.State([])  # one piece of HTML a face; no picture is kept

        shown: dict[str, Any] = {
            "outputs": [status, picture, chooser, answer, answers],
            "api_visibility": "private",
            "scroll_to_output": True,  # on a phone the answer lies below the picture
            **MODEL_QUEUE,
        }
        upload.change(handlers.show, upload, **shown)
        webcam.change(handlers.show, webcam, **shown)
        gallery.select(handlers.show_example, None, trigger_mode="always_last", **shown)
        chooser.input(
            lambda number, known: known[number],
            [chooser, answers],
            answer,
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )
        _add_endpoints(handlers)
    demo.queue(max_size=MAX_QUEUE)
    return demo


def _add_endpoints(handlers: Handlers) -> None:
    """`/predict` and `/annotate`, on components that the page does not show."""
    with gr.Row(visible=False):
        image = picture_input(label="Picture")
        trigger = gr.Button()
        trigger.click(
            handlers.predict, image, gr.JSON(label="Faces"), api_name="predict", **MODEL_QUEUE
        )
        trigger.click(
            handlers.annotate,
            image,
            gr.Image(label="Annotated picture", format="jpeg"),
            api_name="annotate",
            **MODEL_QUEUE,
        )


def picture_input(**options: Any) -> gr.Image:
    """Gradio's image input, handing the visitor's file to fer_core as it came.

    Gradio's own preprocessing would open the picture first: it loses the EXIF orientation or
    16-bit values, depending on the type, and answers a damaged file with words of its own.
    """
    component = gr.Image(type="filepath", image_mode=None, height=PICTURE_HEIGHT, **options)
    # On the instance: for a subclass Gradio would write a type stub beside this file.
    component.preprocess = uploaded_path  # type: ignore[method-assign]
    return component


def uploaded_path(payload: ImageData | None) -> str | None:
    """Where Gradio put the upload, or None when there is no picture."""
    if payload is None:
        return None
    if payload.path is None:  # a client sent the pixels in a URL, or something else
        raise gr.Error(NO_PICTURE, print_exception=False)
    return payload.path


def page_values(reading: Reading | None, status: str) -> PageValues:
    """What the answer's components show."""
    if reading is None:
        return status, gr.Image(None, visible=False), gr.Radio(visible=False), "", []
    faces = reading.result.faces
    answers = [answer_html(face.emotion) for face in faces]
    several = len(faces) > 1
    choices = [(label_text(face, number), number - 1) for number, face in enumerate(faces, 1)]
    return (
        status,
        gr.Image(reading.annotated(), visible=True),
        gr.Radio(choices=choices, value=0 if several else None, visible=several),
        answers[0] if answers else "",
        answers,
    )


def status_text(result: RecognitionResult) -> str:
    """One sentence above the answer."""
    count = len(result.faces)
    if count == 0:
        return NO_FACE
    return "**One face found.**" if count == 1 else f"**{count} faces found.** Choose one below."


def answer_html(emotion: EmotionPrediction) -> str:
    """The answer for one face: headline, a bar for each of the seven, happy versus sad."""
    best, confidence = BY_NAME[emotion.label], percent(emotion.confidence)
    if emotion.is_uncertain:
        headline, sure = f"Perhaps {best.title.lower()}", f"Not sure: only {confidence}"
    else:
        headline, sure = best.title, f"{confidence} sure"
    bars = "".join(
        f'<li class="{"fer-best" if name == emotion.label else ""}">{_emoji(BY_NAME[name])}'
        f"<span>{escape(BY_NAME[name].title)}</span>{_track((share, BY_NAME[name].color))}"
        f'<span class="fer-value">{percent(share)}</span></li>'
        for name, share in emotion.probabilities.items()
    )
    happy, sad = BY_NAME["happy"], BY_NAME["sad"]
    share = emotion.happy_sad
    return (
        '<div class="fer-answer">'
        f'<div class="fer-headline">{_emoji(best)}'
        f"<span>{escape(headline)}<small>{sure}</small></span></div>"
        f'<ul class="fer-bars" aria-label="Probability of each emotion">{bars}</ul>'
        '<div class="fer-happy-sad">'
        "<h3>Happy or sad? <small>If only these two</small></h3>"
        f"{_track((share['happy'], happy.color), (share['sad'], sad.color))}"
        f"<p><span>{_emoji(happy)} Happy {percent(share['happy'])}</span>"
        f"<span>Sad {percent(share['sad'])} {_emoji(sad)}</span></p></div>"
        "</div>"
    )


def _emoji(emotion: Emotion) -> str:
    return f'<span class="fer-emoji" aria-hidden="true">{emotion.emoji}</span>'


def _track(*parts: tuple[float, str]) -> str:
    inner = "".join(
        f'<i style="width:{100 * share:.1f}%;background:{color}"></i>' for share, color in parts
    )
    return f'<span class="fer-track" aria-hidden="true">{inner}</span>'


def sweep(folder: Path, older_than: float) -> None:
    """Delete what was last written so many seconds ago: files, and folders that are empty.

    Gradio's own `delete_cache` forgets uploads that broke off and those from before a restart.
    """
    limit = time.time() - older_than
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
        with contextlib.suppress(OSError):  # gone already, or a folder that is not empty
            if path.lstat().st_mtime < limit:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def keep_swept(folder: Path) -> None:
    """Sweep a folder from now on, beside everything else."""

    def forever() -> None:
        while True:
            sweep(folder, COPY_SECONDS)
            time.sleep(SWEEP_SECONDS)

    threading.Thread(target=forever, name="sweep", daemon=True).start()


def main() -> None:
    """Load, warm up, launch; Gradio's own variables move host, port and folder of copies."""
    # A folder of our own inside the one that is named, since all that is old in it is deleted.
    named = os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir())
    copies = Path(named) / "face-emotion-reader"
    os.environ["GRADIO_TEMP_DIR"] = str(copies)
    keep_swept(copies)
    recognizer = EmotionRecognizer.load()
    recognizer.recognize(EXAMPLES_DIR / next(iter(EXAMPLES)))  # the first visitor does not wait
    build_demo(recognizer).launch(
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace"]),
        css=CSS,
        max_file_size=MAX_UPLOAD,
        show_error=False,
        run_history=False,
        ssr_mode=False,
        footer_links=["api", "settings"],
    )


if __name__ == "__main__":
    main()
