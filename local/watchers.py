"""Prometheus, Alertmanager and node-exporter as local processes: Debian's packages, configured from the ports.

Wayfare does its work without them: only who asks for one by name, or for everything, needs its package.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
from collections.abc import Iterable, Mapping

import yaml

from local.layout import Layout
from local.ports import LOOPBACK
from local.servers import Program, executable
from monitoring import routing, rules, scraping
from wayfare.inventory import WATCHERS

EXECUTABLES = {
    "prometheus": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "node_exporter": "prometheus-node-exporter",
}
RETENTION = ("--storage.tsdb.retention.time=7d", "--storage.tsdb.retention.size=512MB")
COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "uname")


def scale(given: Mapping[str, str]) -> float:
    """By how much the windows of all rules are shortened: $WAYFARE_RULES_SCALE, 1 unless a day is played in minutes."""
    return float(given.get("WAYFARE_RULES_SCALE", "1"))


def programs(
    layout: Layout, ports: Mapping[str, int], given: Mapping[str, str], wanted: Iterable[str]
) -> list[Program]:
    """How to run the watchers that are installed; ServerUnusable when one is wanted and is not installed."""
    asked = set(wanted)
    present = [row.name for row in WATCHERS if row.name in asked or shutil.which(EXECUTABLES[row.name])]
    return [program(name, layout, ports, scale(given)) for name in present]


def program(name: str, layout: Layout, ports: Mapping[str, int], rules_scale: float) -> Program:
    """Write a watcher's configuration and tell how to run it."""
    run, data = layout.run / name, layout.state / name
    for folder in (run, data):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    listen = f"--web.listen-address={LOOPBACK}:{ports[name]}"
    command = {"prometheus": _prometheus, "alertmanager": _alertmanager, "node_exporter": _node_exporter}[name]
    return Program(name, (executable(EXECUTABLES[name]), listen, *command(run, data, ports, rules_scale)), data)


def _prometheus(run: pathlib.Path, data: pathlib.Path, ports: Mapping[str, int], rules_scale: float) -> list[str]:
    file = run / "rules.yml"
    pages = pathlib.Path(__file__).parents[1] / "docs" / "runbooks"
    made = rules.groups(rules_scale, pages.as_uri())
    file.write_text(yaml.safe_dump(made, sort_keys=False, width=1_000))
    scraped = scraping.configuration(ports, LOOPBACK, [str(file)], scale=rules_scale)
    (run / "prometheus.yml").write_text(yaml.safe_dump(scraped, sort_keys=False))
    # Exemplars lead from a slow request to its trace; they are kept in memory alone.
    return [
        f"--config.file={run / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        *RETENTION,
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]


def _alertmanager(run: pathlib.Path, data: pathlib.Path, _ports: Mapping[str, int], rules_scale: float) -> list[str]:
    # Who is woken is the installation's business: on one machine alerts are looked at, not sent.
    (run / "alertmanager.yml").write_text(yaml.safe_dump(routing.configuration(rules_scale), sort_keys=False))
    return [
        f"--config.file={run / 'alertmanager.yml'}",
        f"--storage.path={data}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def _node_exporter(_run: pathlib.Path, _data: pathlib.Path, _ports: Mapping[str, int], _scale: float) -> list[str]:
    return ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS), "--log.level=warn"]


def read_again(states: Mapping[str, tuple[str, int | None]]) -> None:
    """Let running watchers take over what was written anew, such as the port of a service that was stopped before."""
    for name in ("prometheus", "alertmanager"):
        _state, pid = states.get(name, ("STOPPED", None))
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
