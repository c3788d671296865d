"""The error that readers of data raise, apart from them so that each can import it."""


class DataError(Exception):
    """The data directory is incomplete or a file in it is malformed; the message says which."""
