"""Memory that was freed is the system's again."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PRELUDE = """
import sys, threading
import psutil
from wayfare.runtime import memory

rss = lambda: psutil.Process().memory_info().rss >> 20
"""
BLOCKS = """
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
THREADS = """
if sys.argv[1] == "one arena":
    memory.share_one_arena()
bytes(24 << 20)  # from here on glibc keeps the free end of an arena up to 48 MiB


def work():
    found = [b"x" * 100_000 for _ in range(400)]
    filled.wait()
    found.clear()


filled = threading.Barrier(4)
before, threads = rss(), [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
memory.give_back()
print(rss() - before)
"""
pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")


def said(work: str, *given: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", PRELUDE + work, *given], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_what_threads_have_freed_is_given_back_too():
    (kept,) = said(THREADS, "arenas of their own")
    (left,) = said(THREADS, "one arena")
    assert kept > 60
    assert left < 20


def test_blocks_between_small_ones_that_live_on_are_given_back():
    held, left = said(BLOCKS)
    assert held > 300, "what is to be given back"
    assert left < 80, "48 MiB of it live on"
