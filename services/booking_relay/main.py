"""booking_relay: tells Kafka the outcome of every quote."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from services.booking_relay.settings import RelaySettings
from services.booking_relay.steps import POLL_MOST, Relay, Settler
from wayfare.adapters import cassandra_ledger
from wayfare.adapters.cassandra_background import BackgroundSession
from wayfare.adapters.cassandra_ledger import CassandraLedger
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.domain.pricing.outbox import OpenBuckets
from wayfare.domain.pricing.records import PREDICTIONS
from wayfare.domain.pricing.waiting import Waiting
from wayfare.domain.times import DAY_MS
from wayfare.runtime import logs, tracing
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.settings import load
from wayfare.runtime.shutdown import stop_on_signals, within
from wayfare.runtime.worker import step_until, watch

GROUP = "booking-relay"
OUTBOX_KEEPS_MS = 7 * DAY_MS
"""The outbox's default time to live."""
LOOK_AGAIN_MS = 10_000


def run(settings: RelaySettings, stop: threading.Event) -> None:
    """Relay and settle until `stop` is set."""
    session = BackgroundSession(settings, statements=cassandra_ledger.STATEMENTS)
    session.start()
    ledger = CassandraLedger(session, settings.ledger_across_data_centers)
    log = KafkaRecordLog(settings.kafka_options())
    log.start()
    waiting = Waiting(round(settings.grace_seconds * 1000))
    group = GroupConsumer(settings.kafka_options(), GROUP, [PREDICTIONS], POLL_MOST)
    buckets = OpenBuckets(wall_ms(), round(settings.writable_seconds * 1000), OUTBOX_KEEPS_MS, LOOK_AGAIN_MS)
    relay = Relay(ledger, log, group, buckets, settings, wall_ms)
    defects: list[Exception] = []

    def relay_until_stop() -> None:
        try:
            step_until(stop, "relay", relay, settings.relay_seconds)
        except Exception as defect:
            defects.append(defect)
            stop.set()

    with ThreadPoolExecutor(settings.settle_threads, thread_name_prefix="settle") as pool:
        settler = Settler(ledger, log, group, waiting, settings, wall_ms, pool)
        health = Health()
        health.add("cassandra", session.problem)
        health.add("log", lambda: log.problem)
        watch(health, relay.problems)
        watch(health, settler.problems)
        admin = serve_admin(health, settings.admin_host, settings.admin_port)
        logs.logger().info("relaying", admin_port=admin.server_address[1])
        thread = threading.Thread(target=relay_until_stop, name="relay", daemon=True)
        thread.start()
        step_until(stop, "settle", settler)
    health.stopping()
    thread.join(settings.drain_seconds)
    group.close()
    log.close(settings.drain_seconds)
    session.close()
    admin.shutdown()
    admin.server_close()
    if defects:
        raise defects[0]


def main() -> None:
    """Run until SIGTERM."""
    settings = load(RelaySettings)
    logs.configure("booking_relay", settings.log_level)
    tracing.configure("booking_relay", settings.otlp_endpoint, settings.trace_share)
    stop = stop_on_signals()
    with within(stop, settings.drain_seconds):
        run(settings, stop)


if __name__ == "__main__":
    main()
