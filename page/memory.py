"""Give memory back that glibc would keep.

Pictures are large, of many sizes, and freed in many threads: glibc keeps what they leave, in pieces
and for each thread, so that the app seems to grow for hours.
"""

import ctypes
import ctypes.util

M_ARENA_MAX = -8  # of glibc's malloc.h
ARENAS = 2


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def use_few_arenas() -> None:
    """Let all threads share two heaps; before threads are started."""
    if (library := _glibc()) is not None:
        library.mallopt(M_ARENA_MAX, ARENAS)


def trim() -> None:
    """Return what is free to the system."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
