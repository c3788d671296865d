"""Defines the errors and the warning that fer_core raises.

    FerError
    ├── InvalidImageError        the input is not an image that can be read
    │   └── ImageTooLargeError   it is an image, but beyond the limits
    ├── InvalidVideoError        the input is not a video that can be read
    │   └── VideoTooLargeError   it is a video, but beyond the limits
    ├── ModelLoadError           a file of the model is missing, malformed or does not fit
    │   └── ChecksumMismatchError   a file is not the one that was published
    └── OutputError              a table or an annotated copy cannot be written

The message is one sentence that says what to do. Those about images and videos name no path, so
that they can be shown to a visitor. `TruncatedVideoWarning` is given where a video ends early.
"""


class FerError(Exception):
    """Base of all errors of fer_core."""


class InvalidImageError(FerError):
    """The input is not an image that can be read."""


class ImageTooLargeError(InvalidImageError):
    """The image has more pixels or bytes than the limit."""


class InvalidVideoError(FerError):
    """The input is not a video that can be read."""


class VideoTooLargeError(InvalidVideoError):
    """The video has larger frames, or is longer, than the limit."""


class TruncatedVideoWarning(UserWarning):
    """A video is damaged or incomplete, and was read as far as possible."""


class ModelLoadError(FerError):
    """A model file is missing, malformed or does not fit this version of the code."""


class ChecksumMismatchError(ModelLoadError):
    """A model file's SHA-256 is not the expected one."""


class OutputError(FerError):
    """A table or an annotated copy cannot be written to the given path."""
