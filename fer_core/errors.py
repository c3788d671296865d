"""Every error that fer_core raises on purpose.

    FerError
    ├── InvalidImageError        what was handed in is not a picture that can be read
    │   └── ImageTooLargeError   it is a picture, but beyond the limits
    ├── InvalidVideoError        what was handed in is not a video that can be read
    │   └── VideoTooLargeError   it is a video, but beyond the limits
    ├── ModelLoadError           a file of the model is missing, malformed or does not fit
    │   └── ChecksumMismatchError   a file is not the one that was published
    └── OutputError              what was read cannot be written

The message is one sentence that says what to do; it may be shown to a visitor as it is and names
no path of the server. What does not stop the work is told by a warning: `TruncatedVideoWarning`,
where a video ends before its time.
"""


class FerError(Exception):
    """Base of all errors of fer_core."""


class InvalidImageError(FerError):
    """The input is not a picture that can be read."""


class ImageTooLargeError(InvalidImageError):
    """The picture has more pixels or bytes than are read."""


class InvalidVideoError(FerError):
    """The input is not a video that can be read."""


class VideoTooLargeError(InvalidVideoError):
    """The video has larger frames, or is longer, than is read."""


class TruncatedVideoWarning(UserWarning):
    """A video is damaged or incomplete, and was read as far as possible."""


class ModelLoadError(FerError):
    """A model file is missing, malformed or does not fit this version of the code."""


class ChecksumMismatchError(ModelLoadError):
    """A model file's SHA-256 is not the expected one."""


class OutputError(FerError):
    """A table or a marked copy cannot be written where it was asked for."""
