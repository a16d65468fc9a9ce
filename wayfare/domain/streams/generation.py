"""Generations of a topic: one of more partitions takes over from the one before, at recorded offsets.

An identity belongs to partition `murmur2 mod n`, so n never changes under one name. The first generation has the topic's
plain name; a later one says its number and its partitions in its own, so that whoever reads the name of a register knows
how many others make it whole.

>>> later("driver-pings", 2, 9)
'driver-pings.g2x9'
>>> newest("driver-pings", ["driver-pings", "driver-pings.g2x9", "driver-pings.dead-letter"])
'driver-pings.g2x9'
>>> before("driver-pings.g2x9", ["driver-pings", "driver-pings.g2x9"])
'driver-pings'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_LATER = re.compile(r"(?P<topic>[^.]+)\.g(?P<number>[1-9][0-9]{0,5})x(?P<partitions>[1-9][0-9]{0,5})")


class Generation(NamedTuple):
    """What a name says. topic: that of the first generation. partitions: None of the first, whose name tells none."""

    topic: str
    number: int
    partitions: int | None


def of(name: str) -> Generation:
    """The generation that a topic's name stands for; any other name is a first generation of its own."""
    found = _LATER.fullmatch(name)
    if found is None:
        return Generation(name, 1, None)
    return Generation(found["topic"], int(found["number"]), int(found["partitions"]))


def later(topic: str, number: int, partitions: int) -> str:
    """The name of a later generation of a topic."""
    return f"{topic}.g{number}x{partitions}"


def topic_of(name: str) -> str:
    """The topic of which a name is a generation."""
    return of(name).topic


def newest(topic: str, names: Iterable[str]) -> str | None:
    """The newest generation of a topic among some names; None when there is none."""
    return max((name for name in names if topic_of(name) == topic), key=lambda name: of(name).number, default=None)


def before(name: str, names: Iterable[str]) -> str | None:
    """The generation that a name's took over from, among some names; None when there is none."""
    mine = of(name)
    older = (other for other in names if topic_of(other) == mine.topic and of(other).number < mine.number)
    return max(older, key=lambda other: of(other).number, default=None)
