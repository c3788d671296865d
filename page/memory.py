"""Give memory back that glibc would keep.

Pictures are large, of many sizes, and freed in many threads: glibc keeps what they leave, in pieces
and for each thread, so that the app seems to grow for hours.
"""

import ctypes
import ctypes.util

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
ARENAS = 2
LARGE = 2**20  # bytes


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def keep_little() -> None:
    """Let all threads share two heaps, and large arrays have pages of their own; at the start.

    Those pages go back to the system with the array. Without this glibc takes ever larger arrays
    from the heaps once it has seen some go.
    """
    if (library := _glibc()) is not None:
        library.mallopt(M_ARENA_MAX, ARENAS)
        library.mallopt(M_MMAP_THRESHOLD, LARGE)


def trim() -> None:
    """Return what is free to the system."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
