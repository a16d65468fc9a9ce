"""Times: RFC 3339 text ending in Z on the wire, integer milliseconds since the Unix epoch inside."""

from __future__ import annotations

import datetime as dt
import re

from wayfare.domain.errors import InvalidInput

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_EPOCH = dt.datetime(1970, 1, 1)
_RFC3339_Z = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")


def parse_rfc3339(text: str) -> int:
    """Milliseconds since the epoch (finer digits are cut); InvalidInput unless RFC 3339 ending in Z.

    >>> parse_rfc3339("2008-05-20T07:00:00.25Z")
    1211266800250
    """
    if not _RFC3339_Z.match(text):
        raise InvalidInput(f"a time is RFC 3339 ending in Z, like 2026-11-21T08:30:00Z, got {text[:64]!r}")
    try:
        since = dt.datetime.fromisoformat(text[:19]) - _EPOCH
    except ValueError as error:
        raise InvalidInput(f"no such moment exists, got {text!r}") from error
    fraction = int((text[20:-1] + "00")[:3]) if len(text) > 20 else 0
    return (since.days * 86_400 + since.seconds) * 1000 + fraction


def format_rfc3339(ms: int) -> str:
    """RFC 3339 with milliseconds when there are any.

    >>> format_rfc3339(1211266800250), format_rfc3339(1211266800000)
    ('2008-05-20T07:00:00.250Z', '2008-05-20T07:00:00Z')
    """
    text = (_EPOCH + dt.timedelta(milliseconds=ms)).isoformat(timespec="seconds")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"
