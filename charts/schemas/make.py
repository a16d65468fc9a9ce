"""Write the JSON schemas that kubeconform validates with, from the files that Kubernetes and the operators publish.

`python charts/schemas/make.py` prints the folder, one file `<group>/<kind>_<version>.json` per kind, made once per content
of sources.txt. Unknown fields are refused everywhere that their authors have not allowed them.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

HERE = pathlib.Path(__file__).parent
KEPT = (
    "type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
NUMBER_OR_TEXT = {"oneOf": [{"type": "string"}, {"type": "number"}]}
ANYTHING = {"type": ["object", "array", "boolean", "string", "number", "null"]}


def closed(node: Any, definitions: Mapping[str, Any], inside: tuple[str, ...] = (), *, strict: bool = True) -> Any:
    """The schema with references put in place and, unless it says otherwise, no further properties."""
    if not isinstance(node, dict):
        return node
    if reference := node.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        if name.endswith("api.resource.Quantity"):
            return NUMBER_OR_TEXT
        # JSONSchemaProps holds itself.
        return ANYTHING if name in inside else closed(definitions[name], definitions, (*inside, name), strict=strict)
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return NUMBER_OR_TEXT
    made = {key: value for key, value in node.items() if key in KEPT}
    if node.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    for key in ("allOf", "anyOf", "oneOf"):
        # Alternatives repeat a part of the properties: closed, each would refuse the others'.
        if key in node:
            made[key] = [closed(part, definitions, inside, strict=False) for part in node[key]]
    if "not" in node:
        made["not"] = closed(node["not"], definitions, inside, strict=False)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            made[key] = closed(node[key], definitions, inside, strict=strict)
    if "properties" in node:
        made["properties"] = {
            name: closed(value, definitions, inside, strict=strict) for name, value in node["properties"].items()
        }
        if strict and "additionalProperties" not in node and not node.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    return made


def of_kubernetes(swagger: pathlib.Path) -> Iterator[tuple[str, str, str, Any]]:
    """Group, version, kind and schema of every kind of the API."""
    definitions = json.loads(swagger.read_text())["definitions"]
    for name, definition in definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:  # options of calls belong to many groups and are no objects
            schema = closed(definition, definitions, (name,))
            schema["properties"]["kind"] = {"enum": [kinds[0]["kind"]]}
            # kubeconform calls the group without a name by its version.
            yield kinds[0]["group"] or kinds[0]["version"], kinds[0]["version"], kinds[0]["kind"], schema


def of_custom_resources(path: pathlib.Path) -> Iterator[tuple[str, str, str, Any]]:
    """Group, version, kind and schema of the custom resources defined in a file or folder."""
    for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
        for document in yaml.load_all(file.read_text(), _Loader):
            if not document or document.get("kind") != "CustomResourceDefinition":
                continue
            spec = document["spec"]
            for version in spec["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"], {})
                schema["properties"] |= {"metadata": {"type": "object"}, "apiVersion": {"type": "string"}}
                schema["properties"]["kind"] = {"enum": [spec["names"]["kind"]]}
                yield spec["group"], version["name"], spec["names"]["kind"], schema


_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FASTEST):
    """A bare `=` stands in an enum of the Prometheus operator."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def fetched(module: str, version: str, digest: str) -> pathlib.Path:
    """The folder of a module's content, which the Go command has checked; exits when it is not what the list says."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{module}@{version}"], capture_output=True, text=True, cwd="/", check=False
    )
    answer = json.loads(done.stdout or "{}")
    if not answer.get("Dir"):
        sys.exit(f"schemas: {module} {version} cannot be fetched: {answer.get('Error') or done.stderr}")
    if answer["Sum"] != digest:
        sys.exit(f"schemas: {module} {version} must have the hash {digest}, got {answer['Sum']}")
    return pathlib.Path(answer["Dir"])


def main() -> None:
    """Print the folder of schemas, made first unless it is there."""
    sources = (HERE / "sources.txt").read_text()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "wayfare" / "schemas"
    place = cache / hashlib.sha256(sources.encode() + pathlib.Path(__file__).read_bytes()).hexdigest()[:16]
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        draft = pathlib.Path(tempfile.mkdtemp(dir=cache))
        for line in sources.splitlines():
            if line.startswith("#"):
                continue
            module, version, digest, path = line.split()
            print(f"schemas: {module} {version}", file=sys.stderr)
            found = fetched(module, version, digest) / path
            for group, of, kind, schema in (of_kubernetes if found.suffix == ".json" else of_custom_resources)(found):
                file = draft / group / f"{kind.lower()}_{of}.json"
                file.parent.mkdir(exist_ok=True)
                file.write_text(json.dumps(schema, separators=(",", ":")))
        try:
            draft.rename(place)
        except OSError:  # another run was first
            shutil.rmtree(draft)
    print(place)


if __name__ == "__main__":
    main()
