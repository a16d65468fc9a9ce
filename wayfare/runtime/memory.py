"""What the C library keeps of memory that was freed."""

from __future__ import annotations

import contextlib
import ctypes

LARGE_BYTES = 1 << 20
_M_MMAP_THRESHOLD = -3


def give_back_large_blocks() -> None:
    """Blocks of LARGE_BYTES and more go back to the system when they are freed; nothing changes where it is not glibc.

    glibc raises that threshold to 32 MiB with the blocks that it sees freed, and then keeps what fetches and snapshots of
    tens of MiB leave between small things that live on: a process that catches up after each of many faults would hold
    several times what it uses (mallopt(3), M_MMAP_THRESHOLD).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
