"""supervisord as Wayfare uses it: one daemon per installation, controlled over a Unix socket in the state folder."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local.errors import SupervisionFailed
from local.layout import Layout
from local.private import write_private
from local.servers import Program

LOG_BYTES = "10MB"
LOG_BACKUPS = 3
NO_GIVING_UP = 1_000_000
"""A process that fails to start is tried again for ever, a second later each time."""

ALREADY_STARTED = 60
NOT_RUNNING = 70
BAD_NAME = 10


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def configuration(layout: Layout, programs: Sequence[Program], marks: dict[str, str]) -> str:
    """The text of supervisord.conf: every program is started by request and restarted whenever it ends.

    marks: environment variables by which processes of this installation are found again after their supervisor died.
    """
    socket = _escape(str(layout.supervisor_socket))
    lines = [
        "[unix_http_server]",
        f"file = {socket}",
        "chmod = 0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"logfile = {_escape(str(layout.logs / 'supervisord.log'))}",
        f"logfile_maxbytes = {LOG_BYTES}",
        f"logfile_backups = {LOG_BACKUPS}",
        f"pidfile = {_escape(str(layout.supervisor_pid_file))}",
        f"directory = {_escape(str(layout.state))}",
        "umask = 077",
        *(["user = root"] if os.getuid() == 0 else []),
    ]
    for program in programs:
        environment = {**marks, **program.environment, "WAYFARE_PROCESS": program.name}
        pairs = ",".join(f"{name}={_quoted(name, value)}" for name, value in sorted(environment.items()))
        lines += [
            f"[program:{program.name}]",
            f"command = {_escape(_command_line(program.command))}",
            f"directory = {_escape(str(program.directory))}",
            f"environment = {pairs}",
            "autostart = false",
            "autorestart = true",
            "startsecs = 1",
            f"startretries = {NO_GIVING_UP}",
            f"stopwaitsecs = {program.stop_seconds}",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {_escape(str(layout.logs / f'{program.name}.log'))}",
            f"stdout_logfile_maxbytes = {LOG_BYTES}",
            f"stdout_logfile_backups = {LOG_BACKUPS}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(name: str, value: str) -> str:
    """supervisord's own quoting knows no escapes, so a value may hold one kind of quotes only."""
    quote = "'" if '"' in value else '"'
    if quote in value or "\n" in value:
        raise SupervisionFailed(f"{name} cannot be handed to a process: lines and both quotes at once, got {value!r}")
    return f"{quote}{_escape(value)}{quote}"


def _command_line(command: Iterable[str]) -> str:
    return " ".join(f'"{part}"' if " " in part else part for part in command)


@contextmanager
def control(layout: Layout) -> Iterator[Any]:
    """The `supervisor` name space of the running daemon; SupervisionFailed when there is none."""
    transport = SupervisorTransport(None, None, f"unix://{layout.supervisor_socket}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        yield proxy.supervisor
    except (OSError, xmlrpc.client.ProtocolError) as error:
        raise SupervisionFailed(f"supervisord does not answer on {layout.supervisor_socket}, got {error!r}") from error
    finally:
        transport.close()


def is_running(layout: Layout) -> bool:
    """True when the installation's supervisord answers."""
    if not layout.supervisor_socket.exists():
        return False
    try:
        with control(layout) as supervisor:
            return bool(supervisor.getState()["statename"] == "RUNNING")
    except SupervisionFailed:
        return False


def launch(layout: Layout, text: str, environment: dict[str, str], timeout_seconds: float = 15.0) -> None:
    """Start the daemon with this configuration, or make the running one take it over."""
    write_private(layout.supervisor_configuration, text)
    if is_running(layout):
        _take_over(layout)
        return
    layout.make_socket_folder()
    layout.supervisor_socket.unlink(missing_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisor_configuration)]
    done = subprocess.run(
        command,
        env={**environment, "WAYFARE_PROCESS": "supervisord"},
        cwd=layout.state,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SupervisionFailed(f"supervisord did not start, got {(done.stdout + done.stderr)[-2000:]}")
    deadline = time.monotonic() + timeout_seconds
    while not is_running(layout):
        if time.monotonic() > deadline:
            raise SupervisionFailed(f"supervisord did not answer within {timeout_seconds} s, see {layout.logs}")
        time.sleep(0.05)


def _take_over(layout: Layout) -> None:
    """Make the running daemon read its configuration again; what runs stays as it is until it is stopped."""
    with control(layout) as supervisor:
        try:
            added, changed, removed = supervisor.reloadConfig()[0]
        except xmlrpc.client.Fault as fault:
            raise SupervisionFailed(f"supervisord refuses its configuration, got {fault.faultString}") from fault
        running = {info["group"] for info in supervisor.getAllProcessInfo() if info["pid"]}
        changed = [group for group in changed if group not in running]
        for group in (*changed, *removed):
            supervisor.stopProcessGroup(group)
            supervisor.removeProcessGroup(group)
        for group in (*changed, *added):
            supervisor.addProcessGroup(group)


def start(layout: Layout, name: str) -> None:
    """Ask for a program to be started; returns at once."""
    with control(layout) as supervisor:
        _tolerating(ALREADY_STARTED, supervisor.startProcess, name, False)


def stop(layout: Layout, names: Iterable[str]) -> None:
    """Ask for programs to be stopped, all at once; returns when supervision knows of none running."""
    with control(layout) as supervisor:
        known = {info["name"] for info in supervisor.getAllProcessInfo()}
        asked = [name for name in names if name in known]
        for name in asked:
            _tolerating(NOT_RUNNING, supervisor.stopProcess, name, False)
        while any(
            info["name"] in asked and info["pid"] for info in supervisor.getAllProcessInfo()
        ):  # bounded by each program's stopwaitsecs, after which it is killed
            time.sleep(0.1)


def states(layout: Layout) -> dict[str, tuple[str, int | None]]:
    """Supervision's view: name to state (RUNNING, STARTING, BACKOFF, STOPPED...) and pid; empty without a daemon."""
    try:
        with control(layout) as supervisor:
            return {info["name"]: (info["statename"], info["pid"] or None) for info in supervisor.getAllProcessInfo()}
    except SupervisionFailed:
        return {}


def last_start(layout: Layout, name: str) -> int | None:
    """When supervision last started a program, in wall seconds; it changes with every attempt. None when unknown."""
    try:
        with control(layout) as supervisor:
            return int(supervisor.getProcessInfo(name)["start"])
    except (SupervisionFailed, xmlrpc.client.Fault):
        return None


def shut_down(layout: Layout, timeout_seconds: float = 60.0) -> None:
    """End the daemon, and with it whatever it still runs."""
    pid = layout.supervisor_pid_file.read_text().strip() if layout.supervisor_pid_file.exists() else ""
    with control(layout) as supervisor:
        supervisor.shutdown()
    deadline = time.monotonic() + timeout_seconds
    while pid and pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def forget(layout: Layout) -> None:
    """Remove what a daemon that is gone left behind."""
    layout.supervisor_socket.unlink(missing_ok=True)
    layout.supervisor_pid_file.unlink(missing_ok=True)
    if layout.supervisor_socket.parent != layout.run:
        shutil.rmtree(layout.supervisor_socket.parent, ignore_errors=True)


def _tolerating(code: int, call: Any, *arguments: Any) -> None:
    try:
        call(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise SupervisionFailed(f"supervisord answered {fault.faultString} to {arguments}") from fault
