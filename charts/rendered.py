"""What holds for everything a chart renders: `python charts/rendered.py HELM3.yaml HELM4.yaml` exits with 1 and says what does not.

Both versions of Helm render the same objects; no object is named twice; no Secret and no password is among them; every
pod keeps the restricted Pod Security standard, mounts no token it does not use and names what each container may use.
"""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Object = Mapping[str, Any]
SECRET_NAME = re.compile(r"PASSWORD|SECRET|ACCESS_KEY|TOKEN$")
USES_API = {"training"}
"""Names of pods that call the Kubernetes API: drivers of Spark."""


def objects(path: pathlib.Path) -> dict[tuple[str, str], Object]:
    """The objects of a file by kind and name; an object named twice ends the program."""
    found: dict[tuple[str, str], Object] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for document in yaml.load_all(path.read_text(), loader):
        if document:
            key = (document["kind"], document["metadata"]["name"])
            if key in found:
                sys.exit(f"charts: rendered twice: {' '.join(key)}")
            found[key] = document
    return found


def pods(rendered: Mapping[tuple[str, str], Object]) -> Iterator[tuple[str, Object, Object]]:
    """Name, metadata and spec of every pod that is made."""
    for (kind, name), value in rendered.items():
        if kind == "Pod":
            yield name, value["metadata"], value["spec"]
        template = value.get("spec", {}).get("template", {})
        if kind == "CronJob":
            template = value["spec"]["jobTemplate"]["spec"]["template"]
        if "spec" in template and kind != "ScheduledSparkApplication":
            claims = [{"name": claim["metadata"]["name"]} for claim in value["spec"].get("volumeClaimTemplates", [])]
            spec = template["spec"]
            yield f"{kind} {name}", template["metadata"], {**spec, "volumes": [*spec.get("volumes", []), *claims]}


def problems_of_pod(name: str, metadata: Object, spec: Object) -> Iterator[str]:
    """What a pod lacks."""
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{name}: the pod is not restricted, got {context}"
    uses_api = metadata["labels"]["app.kubernetes.io/name"] in USES_API
    if spec.get("automountServiceAccountToken") is not False and not uses_api:
        yield f"{name}: a token of the API is mounted that nothing uses"
    if spec.get("serviceAccountName", "default") == "default":
        yield f"{name}: runs under the account default"
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        own = container.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        for key, value in wanted.items():
            if own.get(key) != value:
                yield f"{name}/{container['name']}: {key} must be {value}, got {own.get(key)}"
        resources = container.get("resources", {})
        for part, keys in (
            ("requests", ("cpu", "memory", "ephemeral-storage")),
            ("limits", ("memory", "ephemeral-storage")),
        ):
            missing = [key for key in keys if key not in resources.get(part, {})]
            if missing:
                yield f"{name}/{container['name']}: resources.{part} lacks {missing}"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{name}/{container['name']}: mounts a volume that the pod has not, got {mount['name']}"
        names = [variable["name"] for variable in container.get("env", [])]
        if len(names) != len(set(names)):
            yield f"{name}/{container['name']}: a variable is set twice, got {sorted(names)}"
        for variable in container.get("env", []):
            literal = variable.get("value", "")
            if SECRET_NAME.search(variable["name"]) and not literal.startswith("/") and literal:
                yield f"{name}/{container['name']}: a secret is a value, got {variable['name']}"
        if ":latest" in container["image"] or (":" not in container["image"].rsplit("/", 1)[-1]):
            yield f"{name}/{container['name']}: the image has no version, got {container['image']}"


def main(three: str, four: str) -> int:
    """0 when nothing is wrong."""
    rendered, by_four = objects(pathlib.Path(three)), objects(pathlib.Path(four))
    problems = [f"Helm 3 and 4 render different objects: {key}" for key in rendered.keys() ^ by_four.keys()]
    problems += [
        f"Helm 3 and 4 differ in {key}" for key in rendered.keys() & by_four.keys() if rendered[key] != by_four[key]
    ]
    problems += [f"a Secret is rendered: {name}" for kind, name in rendered if kind == "Secret"]
    for name, metadata, spec in pods(rendered):
        problems += problems_of_pod(name, metadata, spec)
    for problem in problems:
        print(f"charts: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
