"""Settling the accounts of a run once its actor has stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import redis

from local.demo import figures
from local.demo.accounting import TOPICS, LogReader, Offsets, Processed
from local.stack import Stack
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.redis_window import ingest_status

DRAIN_SECONDS = 90.0


@dataclass(slots=True)
class Account:
    """The three counts, and what is wrong when they differ."""

    sent: int = 0
    recorded: int = 0
    counted: int = 0
    failures: list[str] = field(default_factory=list)


def processed(stack: Stack) -> Processed:
    """How far ingest and the lander have come."""
    addresses = stack.addresses()
    client = redis.Redis.from_url(addresses.redis_url, socket_timeout=5.0)
    known = [city.id for city in FileRegistry(stack.layout.cities_file, production=False).now()]
    try:
        statuses = [status for city in [*known, ""] for status in ingest_status(client, city)]
    finally:
        client.close()
    reader = LogReader(addresses.kafka_bootstrap)
    try:
        return Processed.now(statuses, stack.layout.lake, rejected_trips=reader.dead_letters("trips"))
    finally:
        reader.close()


def account(
    stack: Stack, start: Offsets, before: Mapping[str, int], sender: str, say: Callable[[str, str], None]
) -> Account:
    """Wait until everything recorded since `start` is processed, then compare the three counts by topic."""
    found = Account()
    reader = LogReader(stack.addresses().kafka_bootstrap)
    end = reader.ends()
    say("accounts", "waiting until every recorded event is processed")
    deadline = time.monotonic() + DRAIN_SECONDS
    while not (now := processed(stack)).reaches(end, start):
        if time.monotonic() > deadline:
            found.failures.append(
                f"not everything recorded was processed in {DRAIN_SECONDS:g} s, got {now.covered} of {end}"
            )
            break
        time.sleep(0.5)
    recorded = reader.read(start, end, sender)
    reader.close()
    sent = figures.actor_statistics(stack.layout.state).get("events_sent") or {}
    for topic in TOPICS:
        done = now.rows.get(topic, 0) - before.get(topic, 0)
        others = recorded.foreign.get(topic, 0) + recorded.repeated.get(topic, 0)
        own = recorded.own(topic)
        found.sent += int(sent.get(topic, 0))
        found.recorded += own
        found.counted += done - others
        if not int(sent.get(topic, 0)) == own == done - others:
            found.failures.append(
                f"{topic}: the counts of sent, recorded and counted events differ, got {sent.get(topic, 0)}, {own}, {done - others}"
            )
    return found
