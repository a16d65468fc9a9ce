#!/usr/bin/env python3
"""A plugin of the container network: a pod's containers start once its network policies are in force.

It is the last of the chain of plugins. It hands the address that the pod was given to the enforcer (`network_policy.py`)
as a file, and waits until the enforcer says by another that it has rules for it. The files are there for as long as the
pod's network is.

Interface: Container Network Interface specification 0.4.0.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

WAIT_SECONDS = 20.0
TRY_AGAIN = 11
"""The specification's code for what may work a little later; the kubelet does."""


def announced(folder: Path) -> dict[str, tuple[str, str]]:
    """Address -> namespace and name of the pod that has it."""
    found = {}
    for file in folder.glob("*.pod"):
        try:
            namespace, name = file.read_text().split("/")
        except (FileNotFoundError, ValueError):
            continue  # taken away by now, or not written yet
        found[file.stem] = (namespace, name)
    return found


def in_force(folder: Path, address: str) -> Path:
    """The file that says that there are rules for this address."""
    return folder / f"{address}.in-force"


def main() -> int:
    """One call by the container runtime, told by environment and standard input; returns the exit status."""
    command = os.environ["CNI_COMMAND"]
    if command == "VERSION":
        print(json.dumps({"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0"]}))
        return 0
    settings: dict[str, Any] = json.load(sys.stdin)
    result: dict[str, Any] = settings.get("prevResult") or {}
    folder = Path(settings["addresses"])
    addresses = [given["address"].partition("/")[0] for given in result.get("ips", [])]
    if command == "DEL":
        for address in addresses:
            (folder / f"{address}.pod").unlink(missing_ok=True)
            in_force(folder, address).unlink(missing_ok=True)
        return 0
    if command == "ADD":
        pod = dict(pair.split("=", 1) for pair in os.environ["CNI_ARGS"].split(";"))
        for address in addresses:
            in_force(folder, address).unlink(missing_ok=True)
            (folder / f"{address}.pod").write_text(f"{pod['K8S_POD_NAMESPACE']}/{pod['K8S_POD_NAME']}")
        end = time.monotonic() + WAIT_SECONDS
        while not all(in_force(folder, address).exists() for address in addresses):
            if time.monotonic() > end:
                told = f"no rules are in force for it after {WAIT_SECONDS:g} s, got addresses {addresses}"
                print(json.dumps({"cniVersion": settings["cniVersion"], "code": TRY_AGAIN, "msg": told}))
                return 1
            time.sleep(0.02)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
