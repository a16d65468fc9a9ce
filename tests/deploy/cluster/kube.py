"""kubectl and helm as the tests use them: real commands, their errors with all that they printed."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class CommandFailed(AssertionError):
    """A command ended with another status than 0."""


def run(
    *command: str, stdin: str | None = None, seconds: float = 120.0, check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=seconds)
    if check and done.returncode:
        raise CommandFailed(
            f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done


@dataclass(frozen=True)
class Kube:
    """kubectl for one namespace."""

    namespace: str

    def __call__(self, *arguments: str, **more: Any) -> str:
        return run("kubectl", "--namespace", self.namespace, *arguments, **more).stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--output", "json"))

    def items(self, kind: str, selector: str = "") -> list[Any]:
        found: list[Any] = self.json("get", kind, *(["--selector", selector] if selector else []))["items"]
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--filename", "-", stdin=json.dumps(document))

    def pods(self, service: str) -> list[Any]:
        """The pods of one service of the chart that are not on their way out."""
        chosen = self.items("pods", f"app.kubernetes.io/name={service}")
        return [
            pod
            for pod in chosen
            if not pod["metadata"].get("deletionTimestamp") and pod["status"]["phase"] != "Succeeded"
        ]

    def ready_pods(self, service: str) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.pods(service) if is_ready(pod))

    def python(self, pod: str, code: str, container: str | None = None, seconds: float = 60.0) -> str:
        """What a program prints that runs in a container of a pod."""
        chosen = ["--container", container] if container else []
        return self("exec", pod, *chosen, "--stdin", "--", "python", "-", stdin=code, seconds=seconds)

    def evict(self, pod: str) -> subprocess.CompletedProcess[str]:
        """Ask for an eviction, as `kubectl drain` does for every pod of a node; refused where a disruption budget says so."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}}
        return run("kubectl", "create", "--raw", path, "--filename", "-", stdin=json.dumps(body), check=False)

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """The address on this machine of a port of a Service or pod, while the block runs."""
        command = [
            "kubectl",
            "--namespace",
            self.namespace,
            "port-forward",
            "--address",
            "127.0.0.1",
            target,
            f":{port}",
        ]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            try:
                said = process.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+)", said)
                if found is None:
                    raise CommandFailed(f"{' '.join(command)}\nsaid {said!r}")
                yield f"http://127.0.0.1:{found.group(1)}"
            finally:
                process.terminate()

    def rolled_out(self, *names: str, seconds: float = 300.0) -> None:
        for name in names:
            self("rollout", "status", name, f"--timeout={seconds:.0f}s", seconds=seconds + 10)


def is_ready(pod: Any) -> bool:
    return any(row["type"] == "Ready" and row["status"] == "True" for row in pod["status"].get("conditions", []))


def until(true: Callable[[], Any], seconds: float, what: str, every: float = 0.5) -> Any:
    """What `true` returns once that is something; AssertionError when it stays nothing."""
    end = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            if found := true():
                return found
            last = None
        except CommandFailed as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds:g} s") from last
