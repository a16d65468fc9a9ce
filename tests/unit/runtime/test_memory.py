"""Memory that was freed is the system's again."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

WORK = """
import sys
import psutil
from wayfare.runtime import memory

if "give back" in sys.argv:
    memory.give_back_large_blocks()
rss = lambda: psutil.Process().memory_info().rss >> 20
# The C library learns from this that blocks of 24 MiB come and go.
for _ in range(3):
    bytes(24 << 20)
before, lives = rss(), []
for _ in range(30):
    large = b"x" * (4 << 20)
    lives.append(b"y" * 100_000)
    large_too = b"z" * (4 << 20)
    lives.append(b"y" * 100_000)
    lives.append([large, large_too])
for pair in lives[2::3]:
    pair.clear()
del large, large_too
print(rss() - before)
"""


def held_mib(*how: str) -> int:
    done = subprocess.run([sys.executable, "-c", WORK, *how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(os.name != "posix" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="no C library with mallopt")
def test_large_blocks_between_small_ones_that_live_on_are_given_back():
    assert held_mib() > 200
    assert held_mib("give back") < 30
