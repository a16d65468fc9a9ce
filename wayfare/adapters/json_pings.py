"""Pings out of JSON by whole columns: fields are read without a look at each, and whole columns are judged afterwards.

The answer is all pings, or None when any is not sound or not usual: whoever judges them one by one then says which, and why.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.ids import are_ids
from wayfare.domain.streams.events import PING_STATUSES
from wayfare.domain.streams.ping_batch import PingBatch

STATUS = {status: i for i, status in enumerate(PING_STATUSES)}
ON_TRIP = STATUS["on_trip"]
FIELDS = ("driver_id", "t", "lat", "lon", "status")
"""Of every ping; some have `dropoff` too."""
NOT_USUAL = (KeyError, TypeError, AttributeError)
"""What reading the fields of something else than pings may raise."""


def batch_of(fields: Sequence[Sequence[Any]], drops: Sequence[Any], known: Set[str] = frozenset()) -> PingBatch | None:
    """Pings of the values of `FIELDS` and of `dropoff`, or None; may raise `NOT_USUAL`. known: ids of good form."""
    ids, t, lat, lon, statuses = fields
    status = np.fromiter(map(STATUS.__getitem__, statuses), np.int8, len(statuses))
    numbers = [lat, lon]
    if any(drops):
        numbers += zip(*[(np.nan, np.nan) if d is None else (d["lat"], d["lon"]) for d in drops], strict=True)
    if not {kind for part in numbers for kind in map(type, part)} <= {int, float}:
        return None
    if set(map(type, ids)) != {str} or any(d is not None and not d for d in drops):
        return None
    t_ms = times_of(t)
    if t_ms is None or not are_ids(set(ids) - known):
        return None
    at = np.full((4, len(ids)), np.nan)
    try:
        at[: len(numbers)] = numbers
    except OverflowError:
        return None
    with np.errstate(invalid="ignore"):
        if not (np.abs(at[0]) <= 90).all() or not (np.abs(at[1]) <= 180).all():
            return None
        if (np.abs(at[2]) > 90).any() or (np.abs(at[3]) > 180).any():
            return None
    return PingBatch(ids, t_ms, at[0], at[1], status, at[2], at[3])


_REQUIRED = operator.itemgetter(*FIELDS)
_PLACE = {"lat", "lon"}


def quick_body(body: Any, least: int, most: int, until_ms: int) -> PingBatch | None:
    """The pings of a request's parsed body, `{"pings": [...]}` and no other field in it, or None.

    least, most: how many there may be. until_ms: times are from the epoch to before this.
    """
    try:
        pings = body["pings"]
        if len(body) != 1 or type(pings) is not list or not least <= len(pings) <= most:
            return None
        columns = list(zip(*map(_REQUIRED, pings), strict=True))
        drops = [ping.get("dropoff") for ping in pings]
        if sum(map(len, pings)) != len(FIELDS) * len(pings) + sum("dropoff" in ping for ping in pings):
            return None
        if any(drop is not None and drop.keys() != _PLACE for drop in drops):
            return None
        batch = batch_of(columns, drops)
    except NOT_USUAL:
        return None
    if batch is None or (batch.t_ms < 0).any() or (batch.t_ms >= until_ms).any():
        return None
    return None if (~np.isnan(batch.drop_lat) & (batch.status != ON_TRIP)).any() else batch


_SHAPE = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
_PUNCTUATION = ~np.isin(_SHAPE, np.frombuffer(b"0", np.uint8))


def times_of(texts: Sequence[Any]) -> npt.NDArray[np.int64] | None:
    """Milliseconds of RFC 3339 times with no or three digits after the second; None when any is anything else."""
    if set(map(type, texts)) != {str} or not set(map(len, texts)) <= {20, 24}:
        return None
    try:
        letters = np.array(texts, "S24").view(np.uint8).reshape(len(texts), 24)
    except UnicodeEncodeError:
        return None
    whole = letters[:, :19]
    digits = (letters >= 48) & (letters <= 57)
    long = letters[:, 20] != 0
    ends = np.where(long, letters[:, 23], letters[:, 19]) == ord("Z")
    fraction = ~long | ((letters[:, 19] == ord(".")) & digits[:, 20:23].all(axis=1))
    sound = (whole[:, _PUNCTUATION] == _SHAPE[_PUNCTUATION]).all() and digits[:, :19][:, ~_PUNCTUATION].all()
    if not (sound and ends.all() and fraction.all()):
        return None
    minutes = _minutes(letters)
    if minutes is None or (whole[:, 17] > ord("5")).any():
        return None
    seconds = minutes * 60 + (whole[:, 17:].astype(np.int64) - 48) @ np.array([10, 1])
    parts = letters[:, 20:23].astype(np.int64) - 48
    return np.asarray(seconds * 1000 + np.where(long, parts @ np.array([100, 10, 1]), 0), np.int64)


def _minutes(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64] | None:
    """Minutes since the epoch of rows of letters; None where there is no such minute. A block holds few of them."""
    texts = np.ascontiguousarray(letters[:, :16]).view("S16").ravel()
    found = np.empty(len(texts), np.int64)
    left = np.arange(len(texts))
    while len(left):
        text = texts[left[0]]
        if text.startswith(b"0000"):  # A year that numpy has and RFC 3339's readers here have not.
            return None
        try:
            minute = int(np.datetime64(text.decode(), "m").astype(np.int64))
        except ValueError:
            return None
        same = texts[left] == text
        found[left[same]] = minute
        left = left[~same]
    return found
