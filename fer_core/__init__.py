"""Detects faces in images and videos and predicts the emotion that people would read in each.

>>> from fer_core import EmotionRecognizer
>>> recognizer = EmotionRecognizer.load()
>>> for face in recognizer.recognize("examples/happy_f_asian_01.jpg").faces:
...     print(face.emotion.label, face.detection.box)
"""

from fer_core.drawing import annotate
from fer_core.emotions import EMOTIONS, FER2013_LABELS, FERPLUS_LABELS, Emotion
from fer_core.errors import (
    ChecksumMismatchError,
    FerError,
    ImageTooLargeError,
    InvalidImageError,
    InvalidVideoError,
    ModelLoadError,
    OutputError,
    TruncatedVideoWarning,
    VideoTooLargeError,
)
from fer_core.images import load_image
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import (
    BoundingBox,
    EmotionPrediction,
    FaceDetection,
    FaceResult,
    RecognitionResult,
)
from fer_core.tracking import Tracker
from fer_core.video import VideoFrame, VideoReader, read_video

__version__ = "0.4.1"

__all__ = [
    "EMOTIONS",
    "FER2013_LABELS",
    "FERPLUS_LABELS",
    "BoundingBox",
    "ChecksumMismatchError",
    "Emotion",
    "EmotionPrediction",
    "EmotionRecognizer",
    "FaceDetection",
    "FaceResult",
    "FerError",
    "ImageTooLargeError",
    "InvalidImageError",
    "InvalidVideoError",
    "ModelLoadError",
    "OutputError",
    "RecognitionResult",
    "Tracker",
    "TruncatedVideoWarning",
    "VideoFrame",
    "VideoReader",
    "VideoTooLargeError",
    "annotate",
    "load_image",
    "read_video",
]
