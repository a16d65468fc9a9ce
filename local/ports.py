"""Ports on loopback: chosen once per installation, kept, and used again while they are free."""

from __future__ import annotations

import json
import pathlib
import random
import socket
from collections.abc import Callable, Iterable

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
RANGE_FILE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """True when a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: without it a port in TIME_WAIT would look taken for a minute after a stop.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int, timeout_seconds: float = 0.25) -> bool:
    """True when something accepts connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def highest_port() -> int:
    """Below the range that the kernel hands to outgoing connections: a port from it could be gone at a restart."""
    try:
        lowest_outgoing = int(RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        lowest_outgoing = 32_768
    return lowest_outgoing - 1 if lowest_outgoing - 1 > LOWEST + 1_000 else 65_535


def choose(
    names: Iterable[str],
    file: pathlib.Path,
    *,
    in_use_by_us: Callable[[str], bool] = lambda name: False,
    draw: Callable[[int, int], int] = random.randint,
) -> dict[str, int]:
    """A port for each name: the one in `file` when it is free or `in_use_by_us(name)`, else a new one, written back.

    Names that are in the file and not asked for keep theirs.
    """
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    before, taken = dict(known), set(known.values())
    highest = highest_port()
    for name in names:
        if name in known and (is_free(known[name]) or in_use_by_us(name)):
            continue
        for _attempt in range(10_000):
            port = draw(LOWEST, highest)
            if port not in taken and is_free(port):
                break
        else:
            raise OSError(f"no free port on {LOOPBACK} between {LOWEST} and {highest}, got none for {name!r}")
        known[name] = port
        taken.add(port)
    if known != before:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".tmp")
        draft.write_text(json.dumps(known, indent=1, sort_keys=True))
        draft.replace(file)
    return known
