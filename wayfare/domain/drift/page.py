"""The drift report as one page of HTML: what drifted, since when, in which features and cells, with distributions beside training's.

No script, no outside resource; charts are SVG with their figures in words beside them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from wayfare.domain.drift.drawing import bars, line, map_of_cells
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.domain.times import format_rfc3339

Shown = tuple[str, str, int | None, Mapping[str, Mapping[str, Any]], Mapping[str, Any] | None]
"""City, model, version, checks, judgement."""

_STYLE = """
:root{--ink:#1b2330;--soft:#5a6675;--line:#d8dee6;--train:#8fa3b8;--now:#c2571a;--ok:#1d7a46;--drifted:#b3261e;--unknown:#8a5a00}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}h3{font-size:1rem;margin:0}
p{margin:.4rem 0}small,.soft{color:var(--soft)}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .45rem;font-size:.9rem;border-bottom:1px solid var(--line);white-space:nowrap}th{font-weight:600}
th:first-child,td:first-child,td.text,th.text{text-align:left;white-space:normal}
.state{font-weight:700}.ok{color:var(--ok)}.drifted{color:var(--drifted)}.unknown{color:var(--unknown)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1rem}.card{border:1px solid var(--line);border-radius:8px;padding:.8rem}
.card.found{border-color:var(--drifted)}svg{width:100%;height:auto;display:block}svg text{font-size:10px;fill:var(--soft)}
.line{fill:none;stroke:var(--now);stroke-width:1.5}.zero{stroke:var(--train);stroke-width:1}.train{fill:var(--train)}.now{fill:var(--now)}.cells{display:grid;grid-template-columns:repeat(auto-fill,minmax(28rem,1fr));gap:1rem}.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .8em}.scroll{overflow-x:auto}
.of-train{background:var(--train)}.of-now{background:var(--now)}
"""
CONTENT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: show it in its own style, and nothing else."""
_WHAT = {
    "moments": "mean and spread of numbers",
    "categories": "shares of categories",
    "missing": "missing values",
    "unseen": "values that training never saw",
    "stale": "degraded quotes, or the model silent",
    "predictions": "what the model says",
    "booking_rate": "how many quotes are booked",
    "calibration": "how many are booked at each multiplier",
}


def page(shown: Sequence[Shown], cells: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page. cells: by city, from a leaf's number to its quadkey."""
    parts = [_model(*one, cells.get(one[0], {})) for one in shown]
    title = escape(", ".join(sorted({one[1] for one in shown})) or "no model")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Drift of {title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _model(
    city: str,
    model: str,
    version: int | None,
    checks: Mapping[str, Mapping[str, Any]],
    judgement: Mapping[str, Any] | None,
    cells: Mapping[str, str],
) -> str:
    drifted = [name for name, one in checks.items() if one["state"] == "drifted"]
    unknown = [name for name, one in checks.items() if one["state"] == "unknown"]
    state = "drifted" if drifted else "unknown" if unknown else "ok"
    head = f'<h1>{escape(model)} in {escape(city)}: <span class="state {state}">{state}</span></h1>'
    if judgement is None:
        return head + "<p>No prediction of this model was judged yet.</p>" + _checks(checks)
    reference = judgement["reference"]
    until = format_rfc3339((judgement["last"] + 1) * BUCKET_MS)
    body = [
        head,
        f"<p class=soft>{f'Version {version}' if version else 'Recorded rows'}. Judged up to {until} on the city's clock: {judgement['rows_hour']:,} quotes in the "
        f"last hour, {judgement['rows_day']:,} in the last day"
        + (
            f", beside {reference['rows']:,} rows of {reference['days']} day{'s' if reference['days'] != 1 else ''} of training.</p>"
            if reference
            else ".</p>"
        ),
        _summary(checks, drifted),
        _most(judgement["day"]),
    ]
    if reference and 0 < reference["days"] < 14:
        body.append(
            f"<p><strong>The reference spans {reference['days']} day{'s' if reference['days'] > 1 else ''}.</strong> How much "
            "days usually differ cannot be learned from so few; 0.1 standard deviations are assumed, and another weekday is "
            "compared with what there is.</p>"
        )
    body += [_checks(checks), _figures(checks, judgement["day"], "day"), _cells(judgement["day"], cells)]
    body += [_cards(checks, judgement["day"], judgement["hour"]), _method(judgement)]
    return "".join(body)


def _summary(checks: Mapping[str, Mapping[str, Any]], drifted: Sequence[str]) -> str:
    if not drifted:
        return "<p><strong>Nothing that can be judged has drifted.</strong></p>"
    lines = []
    for name in drifted:
        features = sorted({alarm["feature"] or "all" for alarm in checks[name]["alarms"]})
        since = format_rfc3339(checks[name]["since"] * BUCKET_MS)
        lines.append(f"<li><strong>{escape(_WHAT[name])}</strong> since {since}: {escape(', '.join(features))}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _most(columns: Iterable[Mapping[str, Any]]) -> str:
    """What moved most, drift or not, in a sentence."""
    moved = [
        (abs(column["mean"] - column["mean_expected"]) / column["sd_expected"], column)
        for column in columns
        if column["sd_expected"] and column["mean"] is not None
    ]
    if not moved:
        return ""
    size, column = max(moved, key=lambda pair: pair[0])
    way = "higher" if column["mean"] > column["mean_expected"] else "lower"
    stable = max((one["psi"] for _size, one in moved if one["psi"] is not None), default=0.0)
    return (
        f"<p>The mean that moved most over the day is <strong>{escape(column['name'])}</strong>, {size:.2f} standard deviations "
        f"{way} than at the same hours of training ({_both(column['mean_expected'], column['mean'])}). The largest PSI of a number is "
        f"{number(stable)}; 0.1 is commonly called a small change, 0.25 a large one.</p>"
    )


def _checks(checks: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, one in checks.items():
        since = "" if one["since"] is None else format_rfc3339(one["since"] * BUCKET_MS)
        evidence = "" if one["evidence"] is None else f"{one['evidence']:.0%}"
        rows.append(
            f'<tr><td>{escape(_WHAT[name])}</td><td class="text state {one["state"]}">{one["state"]}</td><td>{since}</td>'
            f'<td>{evidence}</td><td class="text">{escape(one["reason"])}</td></tr>'
        )
    return (
        '<h2>Checks</h2><div class=scroll><table><thead><tr><th>what</th><th class="text">state</th><th>since</th>'
        f'<th>way to an alarm</th><th class="text">why unknown</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def number(value: float | None) -> str:
    """A figure as people read it; a dash where there is none."""
    if value is None:
        return "–"
    size = abs(value)
    if size and (size < 0.001 or size >= 1e6):
        return f"{value:.2g}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"


def _found(checks: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in checks.values():
        for alarm in one["alarms"]:
            found.setdefault(alarm["feature"], []).append(alarm)
    return found


def _figures(checks: Mapping[str, Mapping[str, Any]], columns: Iterable[Mapping[str, Any]], span: str) -> str:
    found, rows = _found(checks), []
    columns = list(columns)
    silent = [
        one
        for one in columns
        if not one["known"] and one["missing_expected"] in (None, 1.0) and one["name"] not in found
    ]
    order = sorted(
        (one for one in columns if one not in silent), key=lambda one: (one["name"] not in found, -(one["psi"] or 0.0))
    )
    for column in order:
        mark = "state drifted" if column["name"] in found else ""
        shift = None
        if column["sd_expected"] and column["mean"] is not None:
            shift = (column["mean"] - column["mean_expected"]) / column["sd_expected"]
        cells = [
            _both(column["mean_expected"], column["mean"]), "–" if shift is None else f"{shift:+.2f}",
            _both(column["sd_expected"], column["sd"]), number(column["kl"]), _p(column["kl_p"]), number(column["psi"]),
            _p(column["g_p"]), f"{_share(column['missing_expected'])} → {_share(column['missing'])}",
            _share(column["unseen"]),
        ]  # fmt: skip
        rows.append(
            f'<tr><td class="text {mark}">{escape(column["name"])}</td>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        )
    heads = (
        "feature", "mean", "shift, sd", "spread (sd)", "KL", "p of KL", "PSI", "p of G", "missing", "unseen",
    )  # fmt: skip
    return (
        f"<h2>Figures of the last {span}</h2><p class=soft>Training → now, training being that of the same hours of weekdays and weekends. p by the "
        "feature's skewness and kurtosis and the effective number of rows; a dash is what cannot be told.</p>"
        f"<div class=scroll><table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + (
            f"<p class=soft>Told neither in training nor now: {escape(', '.join(one['name'] for one in silent))}.</p>"
            if silent
            else ""
        )
    )


def _both(then: float | None, now: float | None) -> str:
    return "–" if then is None and now is None else f"{number(then)} → {number(now)}"


def _p(value: float | None) -> str:
    return "–" if value is None else "<0.0001" if value < 1e-4 else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}" if value >= 0.0005 else "<0.1%" if value else "0"


def _cards(
    checks: Mapping[str, Mapping[str, Any]], day: Iterable[Mapping[str, Any]], hour: Iterable[Mapping[str, Any]]
) -> str:
    found, of_hour, cards = _found(checks), {column["name"]: column for column in hour}, []
    shown = [one for one in day if one["known"] and one["shares_expected"] and one["kind"] != "clock"]
    for column in sorted(shown, key=lambda one: (one["name"] not in found, -(one["psi"] or 0.0))):
        now = of_hour.get(column["name"], column)
        alarms = "; ".join(
            f"{alarm['what'] if not alarm['what'].isdigit() else 'share of ' + column['labels'][int(alarm['what'])]} "
            f"{'up' if alarm['direction'] > 0 else 'down'} since {format_rfc3339(alarm['since'] * BUCKET_MS)}"
            for alarm in found.get(column["name"], [])
        )
        said = f"PSI {number(column['psi'])} over a day, {number(now['psi'])} over an hour"
        cards.append(
            f'<section class="card{" found" if alarms else ""}"><h3>{escape(column["name"])}</h3>'
            f"<p class=soft>{said}</p>"
            + (f'<p class="drifted">{escape(alarms)}</p>' if alarms else "")
            + _bars(column)
            + line(column["name"], column["hourly_shift_sd"])
            + "</section>"
        )
    key = "<p class=key><span class=of-train></span>training<span class=of-now></span>last day. Below: how far each hour was from the same hour of training.</p>"
    return f'<h2>Distributions</h2>{key}<div class="grid">{"".join(cards)}</div>'


def _bars(column: Mapping[str, Any]) -> str:
    """Bins of a number, or the listed categories with the share of all others in words."""
    labels, counts, expected = column["labels"], column["counts"], column["shares_expected"]
    if column["kind"] == "number":
        return bars(column["name"], labels, counts, expected)
    known = max(1, sum(counts))
    shown = bars(column["name"], labels[:-1], counts[:-1], expected[:-1], known)
    return f"{shown}<p class=soft>All others: {expected[-1]:.1%} in training, {counts[-1] / known:.1%} now.</p>"


def _cells(columns: Iterable[Mapping[str, Any]], cells: Mapping[str, str]) -> str:
    parts = []
    for column in columns:
        if not column["name"].endswith("_leaf") or not column["known"]:
            continue
        known = column["known"]
        rows = [
            (cells.get(label, ""), label, count, share)
            for label, count, share in zip(column["labels"], column["counts"], column["shares_expected"], strict=True)
            if label != "other"
        ]
        moved = sorted(rows, key=lambda row: -abs(row[2] / known - row[3]))[:8]
        body = "".join(
            f'<tr><td class="text">{escape(key or "leaf " + label)}</td><td>{share:.2%}</td><td>{count / known:.2%}</td>'
            f"<td>{100 * (count / known - share):+.2f}</td></tr>"
            for key, label, count, share in moved
        )
        drawn = map_of_cells([(key, count / known, share) for key, _label, count, share in rows if key])
        parts.append(
            f'<section class="card"><h3>{escape(column["name"])}</h3>{drawn}<div class=scroll><table><thead><tr><th>cell</th>'
            f"<th>training</th><th>last day</th><th>points</th></tr></thead><tbody>{body}</tbody></table></div></section>"
        )
    if not parts:
        return ""
    return (
        "<h2>Cells</h2><p class=soft>The most frequent cells of training; orange has more than then, blue less. Below each map, "
        f"the cells that changed most; cells far outside the city are not drawn.</p><div class=cells>{''.join(parts)}</div>"
    )


def _method(judgement: Mapping[str, Any]) -> str:
    return (
        "<h2>How to read this</h2><p>A check drifts when the evidence of one of its charts reaches a height that all charts of this "
        "model together are expected to reach by chance at most once a week, with hours and days allowed to differ as they did "
        "in training. KL, PSI and the G-test explain; they do not alarm. Unknown means that nobody can say: it is not fine.</p>"
        f"<p class=soft>Judged {format_rfc3339(judgement['evaluated_at_ms'])}.</p>"
    )
