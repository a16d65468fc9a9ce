"""Finds and ends the processes of one installation by the marks in their environment, whoever their parent is.

A killed supervisor leaves its children running with nobody to ask for their pids. Each carries
`WAYFARE_STATE=<this state folder>` and `WAYFARE_PROCESS=<its name>`; nothing else is ever touched.
"""

from __future__ import annotations

import os
import pathlib

import psutil


def marked(state: pathlib.Path) -> dict[psutil.Process, str]:
    """Living processes of the installation with this state folder, and their names; never this one or its parents."""
    found: dict[psutil.Process, str] = {}
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if (
                environment.get("WAYFARE_STATE") == str(state)
                and environment.get("WAYFARE_PROCESS")
                and process.pid not in ours
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found[process] = environment["WAYFARE_PROCESS"]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue
    return found


def listening(state: pathlib.Path) -> dict[int, str]:
    """TCP ports that the installation's processes listen on, and the names of those processes."""
    found: dict[int, str] = {}
    for process, name in marked(state).items():
        try:
            sockets = process.net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found |= {socket.laddr.port: name for socket in sockets if socket.status == psutil.CONN_LISTEN}
    return found


def end(state: pathlib.Path, timeout_seconds: float = 30.0) -> list[str]:
    """Ask the installation's processes to stop, kill those that do not; returns the names of what was running.

    Supervisors go first, so that they do not restart what is ended here; servers last, so that services can drain.
    """
    running = marked(state)
    order = (
        [process for process, name in running.items() if name == "supervisord"],
        [process for process, name in running.items() if name not in {"supervisord", "kafka", "redis", "cassandra"}],
        [process for process, name in running.items() if name in {"kafka", "redis", "cassandra"}],
    )
    for group in order:
        for process in group:
            _signal(process, "terminate")
        _gone, alive = psutil.wait_procs(group, timeout=timeout_seconds)
        for process in alive:
            _signal(process, "kill")
        psutil.wait_procs(alive, timeout=5)
    for process in marked(state):  # started by one of those while it was being ended
        _signal(process, "kill")
        psutil.wait_procs([process], timeout=5)
    return sorted(set(running.values()))


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        pass
