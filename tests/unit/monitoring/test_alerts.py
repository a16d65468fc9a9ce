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


def course(*parts: tuple[int, float]) -> str:
    """A counter in promtool's notation: (until which minute, its rate a second), one after the other."""
    told, level, minute = [], 0.0, 0
    for until, per_second in parts:
        told.append(f"{level:.12g}+{60 * per_second:g}x{until - minute - 1}")
        level += 60 * per_second * (until - minute)
        minute = until
    return " ".join(told)


def gone_between(begins: int, ends: int) -> str:
    """A gauge of 1 that is 0 for some minutes."""
    return f"1x{begins - 1} 0x{ends - begins - 1} 1x{healthy.MINUTES - ends}"


def fresh_but(begins: int, ends: int) -> healthy.Series:
    """Quotes that all stand on an old window for some minutes, and the age that it has."""
    until_then = (begins, 20.0), (ends, 0.0), (healthy.MINUTES, 20.0)
    return {
        healthy.key("quote_window_age_seconds_bucket", f'le="{healthy.FRESH}"'): course(*until_then),
        healthy.key("wayfare_window_age_seconds{"): f"1.2x{begins} 60x{ends - begins - 1} 1.2x{healthy.MINUTES - ends}",
    }


def test_what_follows_from_an_absence_is_over_before_its_page_is(tmp_path):
    """Also while what is back makes up for it: until then the window is old, and the page of that must not come alone."""
    world = healthy.world() | fresh_but(91, 131) | {healthy.key("up{", '"events_api"'): gone_between(90, 129)}
    stale = firing("WindowStale", "page")
    alone = f"{stale} unless on () {firing('EventsUnknown', 'page')}"
    each_minute = [(minute, asked(alone)) for minute in range(92, 150)]
    # It is there to be explained, to the end.
    both = [(minute, asked(stale, "WindowStale")) for minute in (96, 128, 134)]
    promtool(tmp_path, case(world, *each_minute, *both, (145, asked(PAGES))))


def test_a_page_of_unknown_panes_ends_with_the_outage(tmp_path):
    """The old window has paged for it, and explains it no longer once it is fresh."""
    world = healthy.world() | fresh_but(90, 97) | {healthy.key("up{", '"ingest"'): gone_between(90, 97)}
    told = asked(PAGES, "PanesUnknown", "WindowStale")
    promtool(tmp_path, case(world, (96, told), (98, asked(firing("PanesUnknown", "page")))))


def test_nothing_fires_where_nothing_is_wrong(tmp_path):
    promtool(
        tmp_path, case(healthy.world(), (faults.BEGINS, asked('group by (alertname) (ALERTS{alertstate="firing"})')))
    )


def test_every_alert_of_each_severity_has_a_fault():
    assert {(alert.name, alert.severity) for alert in rules.every_alert()} == {
        (row.alert, row.severity) for row in faults.ALL
    }
