"""Names the emotions, in the order that every array and file of this project follows.

The first seven are in FER2013's order. `contempt`, which FER+ adds, comes last, so that the seven
classes are a prefix of the eight.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Emotion:
    """Name, emoji and colour of one emotion.

    Attributes:
        name: lower-case key, as used in every mapping and in the JSON answers.
        title: the English name, capitalized.
        emoji: one character, so that emotions do not differ by colour alone.
        color: `#rrggbb`.
    """

    name: str
    title: str
    emoji: str
    color: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Convert the colour to three integers 0..255, red first."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue

    @property
    def text_color(self) -> str:
        """Choose black or white, as `#rrggbb`, for the higher contrast with `color`.

        Relative luminance as in WCAG 2.2; one of the two always reaches 4.5 : 1.
        """
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (channel / 255 for channel in self.rgb)
        ]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#ffffff"


EMOTIONS = (
    Emotion("angry", "Angry", "😠", "#e0483e"),
    Emotion("disgust", "Disgust", "🤢", "#7fa61d"),
    Emotion("fear", "Fear", "😨", "#9264d6"),
    Emotion("happy", "Happy", "😄", "#f4b400"),
    Emotion("sad", "Sad", "😢", "#3d85e0"),
    Emotion("surprise", "Surprise", "😲", "#f0719c"),
    Emotion("neutral", "Neutral", "😐", "#8a97a5"),
    Emotion("contempt", "Contempt", "😏", "#a5786a"),
)
"""The eight emotions of FER+, in index order."""

FERPLUS_LABELS = tuple(emotion.name for emotion in EMOTIONS)
"""Classes of the `ferplus` head, eight."""

FER2013_LABELS = FERPLUS_LABELS[:7]
"""Classes of the `fer2013` head and of every prediction, seven; the index is FER2013's label."""

HAPPY = FER2013_LABELS.index("happy")
SAD = FER2013_LABELS.index("sad")
CONTEMPT = FERPLUS_LABELS.index("contempt")

BY_NAME = {emotion.name: emotion for emotion in EMOTIONS}
