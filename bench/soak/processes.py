"""Services as real processes that are killed, frozen, thrown out of their group and started again. Used by tests too."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import kafka.errors
import psutil
from kafka.admin import KafkaAdminClient, MemberToRemove

ROOT = pathlib.Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0


class Process:
    """One of our services; `log` gets what it says, over all its lives."""

    def __init__(self, module: str, variables: Mapping[str, str], log: pathlib.Path) -> None:
        self._command = [sys.executable, "-m", module]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("WAYFARE_")} | variables
        self._log = log.open("ab")
        self.start()

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def ended(self) -> bool:
        return self._running.poll() is not None

    def start(self) -> None:
        self._running = subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def kill(self) -> None:
        self._running.kill()
        self._running.wait(10)

    def close(self) -> None:
        """Kill what is left of it."""
        self.kill()
        self._log.close()

    def freeze(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Ask it to stop; its exit status."""
        self.thaw()
        self._running.terminate()
        code = self._running.wait(30)
        self._log.close()
        return code

    def resident_bytes(self) -> int:
        return int(psutil.Process(self.pid).memory_info().rss)

    def threads(self) -> int:
        return int(psutil.Process(self.pid).num_threads())


@contextlib.contextmanager
def running(module: str, variables: Mapping[str, str], log: pathlib.Path) -> Iterator[Process]:
    """A process that must still be there at the end and stop cleanly; what it said is shown when something fails."""
    process = Process(module, variables, log)
    try:
        yield process
    except BaseException:
        sys.stderr.write(log.read_text()[-4000:])
        process.close()
        raise
    assert process.end() == 0


def ingest_variables(state: pathlib.Path, kafka_bootstrap: str, redis_url: str, group: str) -> dict[str, str]:
    """What ingest is told; snapshots come so often that a fault falls between any two things that it does."""
    return {
        "WAYFARE_STATE": str(state),
        "WAYFARE_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "WAYFARE_REDIS_URL": redis_url,
        "WAYFARE_GROUP": group,
        "WAYFARE_SNAPSHOT_SECONDS": "0.5",
        "WAYFARE_SNAPSHOT_LEAST_SECONDS": "0.1",
    }


def until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait; AssertionError says what for."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"after {seconds:g} s still not: {what}"
        time.sleep(0.1)


class Group:
    """A consumer group as its brokers see it."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap, self._name = bootstrap, name

    def shares(self) -> dict[int, int]:
        """Partitions given to each member, by the pid in its client id; empty while they are being shared out."""
        try:
            with self._admin() as admin:
                told = admin.describe_groups([self._name])[self._name]
        except kafka.errors.KafkaError:
            return {}
        if told["group_state"] != "Stable":
            return {}
        return {_pid(m): sum(len(t["partitions"]) for t in _assigned(m)) for m in told["members"]}

    def throw_out(self, pid: int) -> None:
        """What its brokers do to a member that has been silent for the session time-out, at once.

        Brokers that have no coordinator yet have no members either.
        """
        with contextlib.suppress(kafka.errors.CoordinatorNotAvailableError), self._admin() as admin:
            members = [
                m["member_id"] for m in admin.describe_groups([self._name])[self._name]["members"] if _pid(m) == pid
            ]
            admin.remove_group_members(self._name, [MemberToRemove(member_id=one) for one in members])

    @contextlib.contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        admin = KafkaAdminClient(bootstrap_servers=self._bootstrap.split(","))
        try:
            yield admin
        finally:
            with contextlib.suppress(kafka.errors.KafkaError):
                admin.close()


def _pid(member: Mapping[str, object]) -> int:
    return int(str(member["client_id"]).rpartition("-")[2])


def _assigned(member: Mapping[str, object]) -> list[dict[str, list[int]]]:
    assignment = member["member_assignment"]
    if not assignment:
        return []
    return assignment["assigned_partitions"]  # type: ignore[index,no-any-return]  # kafka-python carries no types
