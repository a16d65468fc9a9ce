"""Memory that was freed is the system's again."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

WORK = """
import psutil
from wayfare.runtime import memory

rss = lambda: psutil.Process().memory_info().rss >> 20
# The C library learns from this that blocks of 24 MiB come and go.
for _ in range(3):
    bytes(24 << 20)
before, lives, large = rss(), [], []
for _ in range(1_000):
    large.append(b"x" * 500_000)
    lives.append(b"y" * 50_000)
large.clear()
print(rss() - before)
memory.give_back()
print(rss() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_blocks_between_small_ones_that_live_on_are_given_back():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    held, left = map(int, done.stdout.split())
    assert held > 300, "what is to be given back"
    assert left < 80, "48 MiB of it live on"
