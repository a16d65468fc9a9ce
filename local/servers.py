"""The third-party servers as local processes: their rendered configurations and commands."""

from __future__ import annotations

import base64
import pathlib
import shutil
import string
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from local import jars, java
from local.errors import ServerUnusable
from local.layout import Layout

TEMPLATES = pathlib.Path(__file__).parent / "servers"

PORTS = {
    "kafka": ("kafka", "kafka.controller"),
    "redis": ("redis",),
    "cassandra": ("cassandra", "cassandra.storage"),
}
"""The ports that each server listens on; the first is the one clients use."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process that supervision keeps alive."""

    name: str
    command: tuple[str, ...]
    directory: pathlib.Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 20


def render(server: str, layout: Layout, ports: Mapping[str, int], jar_folder: pathlib.Path | None) -> pathlib.Path:
    """Write a server's configuration with its ports and folders filled in; returns the folder it is in."""
    configuration = layout.run / server
    data = layout.state / server
    for folder in (configuration, data):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = {
        "port": str(ports[server]),
        "data": str(data),
        "tmp": str(layout.temporary),
        "configuration": str(configuration),
        "jars": str(jar_folder),
    } | {name.partition(".")[2] + "_port": str(ports[name]) for name in PORTS[server][1:]}
    for template in sorted((TEMPLATES / server).iterdir()):
        if template.name in {"pom.xml", "jars.sha256"}:
            continue
        text = template.read_text()
        # A layout pattern of the log libraries may hold `%` and `$`; only the files with our names are templates.
        if "${" in text:
            text = string.Template(text).substitute(values)
        if template.name == "jvm.options":
            text = "".join(f'"{line}"\n' if " " in line else f"{line}\n" for line in text.splitlines())
        (configuration / template.name).write_text(text)
    return configuration


def _java(server: str, configuration: pathlib.Path, jar_folder: pathlib.Path, *main: str) -> tuple[str, ...]:
    # A file of arguments, because sixty options make a command line that nobody can read in a process list.
    return (_java_17(), f"@{configuration / 'jvm.options'}", "-cp", f"{configuration}:{jar_folder}/*", *main)


def _java_17() -> str:
    found = java.find()
    if found is None:
        raise ServerUnusable("Java 17 is needed: run local/setup.sh, got none in $JAVA_HOME, the path or /usr/lib/jvm")
    return found


def executable(name: str) -> str:
    """The full path of a program; ServerUnusable says how to get it."""
    found = shutil.which(name)
    if found is None:
        raise ServerUnusable(f"{name} is needed and not installed: run local/setup.sh, got none")
    return found


def program(server: str, layout: Layout, ports: Mapping[str, int], cache: pathlib.Path) -> Program:
    """Render a server's configuration and tell how to run it, once `prepare` has been called."""
    directory = layout.state / server
    if server == "redis":
        configuration = render(server, layout, ports, None)
        command: tuple[str, ...] = (executable("redis-server"), str(configuration / "redis.conf"))
        return Program(server, command, directory, stop_seconds=10)
    jar_folder = jars.folder(server, cache)
    configuration = render(server, layout, ports, jar_folder)
    if server == "kafka":
        command = _java(server, configuration, jar_folder, "kafka.Kafka", str(configuration / "server.properties"))
    else:
        command = _java(server, configuration, jar_folder, "org.apache.cassandra.service.CassandraDaemon")
    return Program(server, command, directory, stop_seconds=30)


def prepare(server: str, layout: Layout, cache: pathlib.Path) -> None:
    """What a rendered server needs before it starts: its jars, and for Kafka once a formatted log folder."""
    if server != "redis":
        jars.fetch(server, cache)
    if server != "kafka" or (layout.state / "kafka" / "meta.properties").exists():
        return
    configuration = layout.run / "kafka"
    cluster = "-"
    while cluster.startswith("-"):  # Kafka's own rule: an id that looks like an option is not one
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = _java(
        "kafka",
        configuration,
        jars.folder("kafka", cache),
        *("kafka.tools.StorageTool", "format", "--config", str(configuration / "server.properties")),
        *("--cluster-id", cluster),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=layout.state / "kafka")
    if done.returncode:
        raise ServerUnusable(f"Kafka's log folder could not be formatted, got {(done.stdout + done.stderr)[-2000:]}")
