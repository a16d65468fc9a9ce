"""What the rendered chart and the code must agree on.

`PYTHONPATH=. python charts/agreement.py RENDERED.yaml` exits with 1 and says what they do not agree on. Every setting
that a process requires is given to it, none is given that it does not have (docs/reference/settings.md), and the
connections that network policies allow are those of wayfare/inventory.py.
"""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Iterator, Mapping

from rendered import Object, objects, pods

from wayfare.inventory import ACTORS, SERVERS, SERVICES, WATCHERS

ROOT = pathlib.Path(__file__).parents[1]
PROCESSES = (*SERVICES, *ACTORS)
SECTIONS = {
    "pipelines.history.main": "pipelines/history",
    "pipelines.surge.main": "pipelines/surge",
    "wayfare stores prepare": "wayfare stores prepare",
}
STORES = {server.name for server in (*SERVERS, *WATCHERS)} | {"artifacts"}


def documented() -> dict[str, dict[str, bool]]:
    """Of each process its settings, and whether each is required."""
    found: dict[str, dict[str, bool]] = {}
    section = ""
    for line in (ROOT / "docs/reference/settings.md").read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif row := re.match(r"\| `(WAYFARE_\w+)` \| (\S+) \|", line):
            found.setdefault(section, {})[row[1]] = row[2] == "required"
    return found


def process_of(arguments: list[str]) -> str | None:
    """The section of settings.md of what a container runs; None for what has no settings of its own."""
    line = " ".join(arguments)
    for words, section in SECTIONS.items():
        if words in line:
            return section
    for process in PROCESSES:
        if line == f"python -m {process.module}":
            return process.name
    return None


def problems_of_settings(rendered: Mapping[tuple[str, str], Object]) -> Iterator[str]:
    """Settings that are missing, or that nobody reads."""
    settings = documented()
    told = 0
    for name, _, spec in pods(rendered):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            process = process_of(container.get("args", []))
            if process is None:
                continue
            told += 1
            given = {variable["name"] for variable in container["env"] if variable["name"].startswith("WAYFARE_")}
            known = settings[process]
            missing = {setting for setting, required in known.items() if required} - given
            # A step of a Job reads the lake alone, yet is told what the whole pipeline may use; services are told no more.
            strange = given - known.keys() if name.startswith("Deployment") else set()
            if missing or strange:
                yield f"{name}/{container['name']}: settings missing {sorted(missing)}, unknown {sorted(strange)}"
    if not told:
        yield "no process of Wayfare is rendered"


def problems_of_edges(rendered: Mapping[tuple[str, str], Object]) -> Iterator[str]:
    """Connections that the policies allow and the inventory does not know, or the other way round."""
    policies = {
        name.removeprefix("wayfare-"): value for (kind, name), value in rendered.items() if kind == "NetworkPolicy"
    }
    if not policies:
        yield "no network policy is rendered"
        return
    denied = policies["default-deny"]["spec"]
    if denied != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield f"what is not named must be denied, got {denied}"
    installed = {name.removeprefix("wayfare-") for kind, name in rendered if kind == "Deployment"}
    wanted: set[tuple[str, str]] = set()
    for process in PROCESSES:
        # A publisher is a sidecar: what it talks to, the pod of its model server may.
        pod = "model-server" if process.name == "publisher" else process.name.replace("_", "-")
        if pod in installed:
            wanted |= {(pod, other.replace("_", "-")) for other in process.talks_to}
    allowed = {
        (source, target)
        for source in installed
        for target in (*installed, *STORES)
        if f"{source}-to-{target}" in policies
    }
    for source, target in sorted(allowed ^ wanted):
        yield f"{source} to {target}: {'allowed, but not in the inventory' if (source, target) in allowed else 'in the inventory, but not allowed'}"
    for source, target in sorted(allowed):
        if target in installed and f"{target}-from-{source}" not in policies:
            yield f"{target} does not let {source} in"


def main(path: str) -> int:
    """0 when they agree."""
    rendered = objects(pathlib.Path(path))
    problems = [*problems_of_settings(rendered), *problems_of_edges(rendered)]
    for problem in problems:
        print(f"charts: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
