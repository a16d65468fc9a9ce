"""Every alert fires when it should and stays silent at a near miss, by promtool on the rules that production loads."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
import yaml

from monitoring import rules
from tests.unit.monitoring import faults, healthy

LOADED = rules.groups(services=rules.WATCHED)
PAGES = 'group by (alertname) (ALERTS{alertstate="firing",severity="page"})'


def firing(name: str, severity: str) -> str:
    return f'group by (alertname) (ALERTS{{alertname="{name}",severity="{severity}",alertstate="firing"}})'


def asked(expr: str, *names: str) -> dict:
    return {"expr": expr, "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]}


def case(series: healthy.Series, *expected: tuple[int, dict]) -> dict:
    return {
        "interval": f"{healthy.SAMPLE_S}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"eval_time": f"{minute}m", **one} for minute, one in expected],
    }


def promtool(folder: pathlib.Path, *cases: dict) -> None:
    (folder / "rules.yaml").write_text(yaml.safe_dump(LOADED))
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": list(cases)}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def packed(of: str) -> list[list[faults.Fault]]:
    """Faults, or near misses, of different series can be in one world: promtool then plays it once for all of them."""
    packs: list[list[faults.Fault]] = []
    for fault in faults.ALL:
        changes = getattr(fault, of).keys()
        if not changes:
            continue
        fits = (
            pack
            for pack in packs
            if not fault.alone
            and not any(other.alone or changes & getattr(other, of).keys() for other in pack)
            and (pack[0].severity, pack[0].also == ()) == (fault.severity, fault.also == ())
        )
        pack = next(fits, None)
        if pack is None:
            packs.append(pack := [])
        pack.append(fault)
    return packs


def world_of(pack: list[faults.Fault], of: str) -> healthy.Series:
    world = healthy.world()
    for fault in pack:
        world |= getattr(fault, of)
    return world


def named(pack: list[faults.Fault]) -> str:
    return "-".join(dict.fromkeys(fault.alert for fault in pack))[:80]


@pytest.mark.parametrize("pack", packed("fires"), ids=named)
def test_an_alert_fires_by_its_fault_and_not_before_and_nothing_else_pages(pack, tmp_path):
    checks = []
    for fault in pack:
        mine = firing(fault.alert, fault.severity)
        checks.append((faults.BEGINS + fault.after, asked(mine, fault.alert)))
        if fault.alert not in faults.FROM_THE_START:
            checks.append((faults.BEGINS - 2, asked(mine)))
    pages = {
        page for fault in pack for page in (fault.also if fault.severity == "ticket" else (fault.alert, *fault.also))
    }
    checks.append((faults.BEGINS + max(fault.after for fault in pack), asked(PAGES, *pages)))
    promtool(tmp_path, case(world_of(pack, "fires"), *checks))


@pytest.mark.parametrize("pack", packed("silent"), ids=named)
def test_a_near_miss_does_not_fire_its_alert(pack, tmp_path):
    checks = [(faults.BEGINS + fault.after, asked(firing(fault.alert, fault.severity))) for fault in pack]
    promtool(tmp_path, case(world_of(pack, "silent"), *checks))


def test_nothing_fires_where_nothing_is_wrong(tmp_path):
    promtool(
        tmp_path, case(healthy.world(), (faults.BEGINS, asked('group by (alertname) (ALERTS{alertstate="firing"})')))
    )


def test_every_alert_of_each_severity_has_a_fault():
    assert {(alert.name, alert.severity) for alert in rules.every_alert()} == {
        (row.alert, row.severity) for row in faults.ALL
    }
