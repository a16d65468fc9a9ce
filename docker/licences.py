"""Judges the licences in an image's SBOM by docker/licences.toml. Usage: licences.py KIND SBOM.json

Exit status 1 when a package has a licence that is not allowed, or none that is known.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from license_expression import ExpressionError, LicenseSymbol, get_spdx_licensing

POLICY = pathlib.Path(__file__).with_name("licences.toml")
OWN = "wayfare"
_SPDX = get_spdx_licensing()


def told(component: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What a component says of its licence, in SPDX's words where the policy knows them."""
    said = []
    for entry in component.get("licenses", ()):
        licence = entry.get("license", {})
        text = entry.get("expression") or licence.get("id") or licence.get("name") or ""
        if text:
            said.append(names.get(text, text))
    return said


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression holds with nothing but allowed licences; False for what is no expression."""
    try:
        parsed = _SPDX.parse(expression, validate=True)
    except ExpressionError:
        return False
    if parsed is None:
        return False

    def holds(node: Any) -> bool:
        if isinstance(node, LicenseSymbol):
            return node.key in allowed
        parts = [holds(part) for part in node.args]
        return all(parts) if node.operator.strip() == "AND" else any(parts)

    return holds(parsed)


def judge(sbom: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(package, licence, verdict) of every package; the verdict is empty when it is allowed, else the reason."""
    allowed = frozenset(policy["allowed"])
    for component in sbom.get("components", ()):
        kind = component.get("purl", "").removeprefix("pkg:").partition("/")[0]
        name, version = component["name"], component.get("version", "")
        if not kind or kind in policy["kinds"] or name == OWN:
            continue
        if kind != "pypi":
            yield f"{name} {version}", "-", f"the policy does not know packages of the kind {kind}"
        elif exception := policy["packages"].get(name.lower().replace("_", "-")):
            yield f"{name} {version}", exception["licence"], ""
        else:
            said = told(component, policy["names"])
            # Several entries are several ways in which one package names its licence: each must be allowed.
            bad = [text for text in said if not is_allowed(text, allowed)]
            reason = "not allowed" if bad else "" if said else "says nothing of its licence"
            yield f"{name} {version}", " / ".join(said) or "-", reason


def main(kind: str, path: pathlib.Path) -> int:
    """Print the verdict, and each refused package."""
    sbom, policy = json.loads(path.read_text()), tomllib.loads(POLICY.read_text())
    rows = list(judge(sbom, policy))
    if not rows:
        print(f"{kind}: licences NOT CHECKED: the SBOM names no Python package, got {path}")
        return 1
    refused = [row for row in rows if row[2]]
    for package, licence, reason in refused:
        print(f"{kind}: {package}: {licence}: {reason}")
    counted = collections.Counter(licence for _, licence, reason in rows if not reason)
    summary = ", ".join(f"{count} {licence}" for licence, count in counted.most_common(4))
    print(f"{kind}: licences of {len(rows)} packages, {len(refused)} refused ({summary} ...)")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
