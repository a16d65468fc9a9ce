"""Says what an audit of one lock found; a package whose advisories could not be had is never counted as fine.

Usage: audit_report.py GROUP RESULT.json LOG       exit status: 0 none known, 1 some known, 3 not checked
"""

from __future__ import annotations

import json
import pathlib
import sys

NOT_CHECKED = 3


def main(group: str, result: pathlib.Path, log: pathlib.Path) -> int:
    """Print one line, or one per vulnerability."""
    try:
        dependencies = json.loads(result.read_text())["dependencies"]
    except (OSError, ValueError, KeyError):
        said = log.read_text().strip().split("\n")[-1] if log.exists() else ""
        print(f"{group}: NOT CHECKED: the advisories could not be had: {said or 'no answer in time'}")
        return NOT_CHECKED
    unknown = [row["name"] for row in dependencies if "skip_reason" in row]
    bad = [(row["name"], row["version"], found) for row in dependencies for found in row.get("vulns", ())]
    for name, version, found in bad:
        fixed = ", ".join(found.get("fix_versions", [])) or "none yet"
        print(f"{group}: {name} {version}: {found['id']} {' '.join(found.get('aliases', []))}, fixed in {fixed}")
    if bad:
        return 1
    if unknown or not dependencies:
        named = " ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        print(f"{group}: NOT CHECKED: no advisories for {len(unknown)} of {len(dependencies)} packages: {named}")
        return NOT_CHECKED
    print(f"{group}: none known in {len(dependencies)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])))
