"""What Python and the C library do about memory that is no longer used."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_M_ARENA_MAX = -8
EVERY_SECONDS = 10.0
"""How often a worker gives back: milliseconds after a burst, microseconds where little was freed."""
_ALLOCATIONS = 50_000
"""Between two searches for cycles. A read of the log is thousands of records that hold none: with Python's 700 the search
takes as long as reading them."""


def settle() -> None:
    """What was imported and built lives as long as the process: from now on no search for cycles goes over it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def give_back() -> None:
    """What was freed goes back to the system; nothing happens where the C library is not glibc.

    glibc keeps what fetches and snapshots of hundreds of KiB leave between small things that live on: a process that
    catches up after each of many faults would hold several times what it uses (malloc_trim(3)).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def share_one_arena() -> None:
    """Threads begun from now on allocate from the process's one arena; nothing changes where the C library is not glibc.

    Each of a driver's threads would keep up to 64 MiB in one of its own, which `give_back` cannot take from its end. Python's
    lock lets one thread at a time allocate most of it anyway (mallopt(3), M_ARENA_MAX).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
