"""Folding a share of the log: who writes late, twice or elsewhere changes nothing; what cannot be read is put aside."""

from __future__ import annotations

import dataclasses
import random
from types import SimpleNamespace

import numpy as np
import pytest

from services.drift_monitor import folding
from services.drift_monitor.folding import Folder
from tests.unit.domain.drift.city_days import City, train
from wayfare.adapters.kafka_registers import Held
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.records import booking_record, prediction_record

REFERENCE = train(City(1), 2)
NAMES = ("distance", "wait", "cabs", "history", "leaf", "hour")
PLACE = ("predictions", 1)


class References:
    def __init__(self) -> None:
        self.away = False

    def of(self, model, version):
        if self.away:
            raise StoreUnavailable("away on purpose")
        return REFERENCE if model == "surge-c" else None


def record(offset: int, value: bytes):
    return SimpleNamespace(offset=offset, value=value, key=b"q", headers=[])


def quote(offset: int, t_ms: int, city: str = "c", version: int = 1, model: str = "surge-c", rider: str | None = None):
    import orjson

    draw = np.random.default_rng(offset)
    told = prediction_record(
        quote_id=f"q-{offset}", rider=rider, city=city, model=model, version=version, arm="stable", price_source="model",
        multiplier=1.25, at_least=[1, 0.7, 0.2, 0.1, 0, 0, 0], feature_names=NAMES,
        features=[float(draw.gamma(2, 1000)), 250.0, 20.0, float("nan"), float(draw.integers(60)), 3.0], price_minor=1,
        currency="USD", degraded=[], t_ms=t_ms, expires_t_ms=t_ms, expires_at_ms=t_ms,
    )  # fmt: skip
    return record(offset, orjson.dumps(told))


def folder(held: Held) -> Folder:
    return Folder(References(), held, lambda city: city == "c")


def written(held: Held, from_: Folder, member: str) -> None:
    registers, heads = from_.unsaved()
    for register in registers:
        held.take(f"register|{register.key}|{member}", register.to_bytes())
    for (topic, partition), head in heads.items():
        import json

        held.take(
            f"head|{topic}|{partition}|{member}", json.dumps({"covers": head.covers, "newest": head.newest}).encode()
        )
    from_.saved()


RECORDS = [quote(n, (n // 7) * BUCKET_MS // 3) for n in range(120)]


def final(held: Held) -> dict:
    return {key: (r.rows, r.first, r.second, r.counts.tolist()) for key, r in held.registers.items()}


@pytest.mark.parametrize("seed", range(20))
def test_members_that_die_anywhere_and_zombies_leave_the_registers_of_one_run(seed):
    plain = Held()
    one = folder(plain)
    one.own(frozenset([PLACE]))
    one.fold(PLACE, RECORDS)
    written(plain, one, "a")
    draw, held = random.Random(seed), Held()
    members, number = [], 0
    covered = -1
    while covered < len(RECORDS) - 1:
        number += 1
        member = folder(held)
        at = member.own(frozenset([PLACE]))[PLACE] or 0
        members.append((member, f"m{number}"))
        for _ in range(draw.randint(1, 4)):
            ahead = draw.randint(1, 25)
            member.fold(PLACE, RECORDS[at : at + ahead])
            at += ahead
            if draw.random() < 0.6:
                written(held, member, f"m{number}")
        if draw.random() < 0.5:
            # A zombie writes what it has, long after another took over.
            late, name = draw.choice(members)
            written(held, late, name)
        covered = held.heads[PLACE].covers if PLACE in held.heads else -1
    assert final(held) == final(plain)


def test_what_cannot_be_read_and_foreign_cities_are_told_and_stop_nothing():
    held = Held()
    member = folder(held)
    member.own(frozenset([PLACE]))
    told = member.fold(PLACE, [record(0, b"{}"), quote(1, 0, city="other"), record(2, b""), quote(3, 0)])
    assert (told.rows, told.refused, [dead[0].offset for dead in told.dead]) == (1, {"no_city": 1}, [0, 2])
    assert member.unsaved()[1][PLACE].covers == 3


def test_quotes_of_nobody_are_not_compared_with_riders_trips(monkeypatch):
    riders = dataclasses.replace(REFERENCE, named=True)
    monkeypatch.setattr(References, "of", lambda self, model, version: riders)
    member = folder(Held())
    member.own(frozenset([PLACE]))
    told = member.fold(PLACE, [quote(0, 0), quote(1, 0, rider="p-1"), quote(2, 0)])
    assert (told.rows, told.refused) == (1, {"anonymous": 2})
    assert member.unsaved()[1][PLACE].covers == 2


def test_nothing_is_taken_while_a_reference_cannot_be_told():
    held = Held()
    references = References()
    member = Folder(references, held, lambda city: True)
    member.own(frozenset([PLACE]))
    references.away = True
    with pytest.raises(StoreUnavailable):
        member.fold(PLACE, RECORDS[:5])
    references.away = False
    assert member.fold(PLACE, RECORDS[:5]).rows == 5


def test_models_without_a_reference_are_counted_and_their_number_is_bounded():
    member = folder(Held())
    member.own(frozenset([PLACE]))
    told = member.fold(PLACE, [quote(n, 0, version=n + 1, model="surge-x") for n in range(100)])
    assert told.rows == folding.MOST_KINDS
    assert told.refused == {"too_many": 100 - folding.MOST_KINDS}


def test_outcomes_are_counted_by_city():
    import orjson

    member = folder(Held())
    place = ("bookings", 0)
    member.own(frozenset([place]))
    told = [
        booking_record(
            quote_id=f"q-{n}", booking_id=None, city="c", rider=None, price_minor=1, currency="USD",
            outcome="booked" if n % 4 else "not_booked", t_ms=0, multiplier=1.0 + n % 2 / 4,
        )
        for n in range(40)
    ]  # fmt: skip
    member.fold(place, [record(n, orjson.dumps(one)) for n, one in enumerate(told)])
    (register,) = member.unsaved()[0]
    assert register.moments(0)[0] == pytest.approx(0.75)
    assert register.known.tolist() == [40, 20, 20, 0, 0, 0, 0, 0]
