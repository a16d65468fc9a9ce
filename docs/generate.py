"""Generates docs/reference/*.md and docs/architecture.svg from the code: `make docs` writes, `make check` fails on drift."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Gauge, Histogram

from wayfare import inventory
from wayfare.adapters import arrow_events, cassandra_schema, kafka_events, parquet_tables, redis_keys
from wayfare.domain.features import sets
from wayfare.runtime import metrics
from wayfare.runtime.settings import ProcessSettings

DOCS = pathlib.Path(__file__).parent


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(headings)]
    lines.append(["---"] * len(lines[0]))
    lines.extend([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def metrics_page() -> str:
    """Every metric with its kind, labels and meaning."""
    found = sorted(
        ((value._name, value) for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)),
        key=lambda pair: pair[0],
    )
    rows = [
        (
            f"`{name}_total`" if value._type == "counter" else f"`{name}`",
            value._type,
            ", ".join(value._labelnames) or "-",
            value._documentation,
        )
        for name, value in found
    ]
    return "# Metrics\n\n" + table(["metric", "kind", "labels", "meaning"], rows)


def topics_page() -> str:
    """Every topic, and the columns of events in Arrow batches."""

    def users(attribute: str, topic: str) -> str:
        return ", ".join(row.name for row in inventory.SERVICES if topic in getattr(row, attribute)) or "-"

    rows = [
        (
            f"`{row.name}`",
            row.identity,
            row.partitions,
            "forever" if row.retention_ms < 0 else f"{row.retention_ms // 86_400_000} days",
            "yes" if row.compacted else "no",
            users("produces", row.name),
            "outlet" if row.outlet else users("consumes", row.name),
            row.holds,
        )
        for row in inventory.TOPICS
    ]
    text = "# Kafka topics\n\n" + table(
        ["topic", "identity", "partitions", "kept", "compacted", "written by", "read by", "holds"], rows
    )
    for name, schema in sorted(arrow_events.SCHEMAS.items()):
        text += f"\n## Arrow columns of `{name}`\n\n" + table(
            ["column", "type"], [(f"`{field.name}`", field.type) for field in schema]
        )
    text += (
        f"\nA record whose rows have several senders has one more column, `{arrow_events.SENDER}` (string): the subject of "
        f"the token that sent each row. Else the header `{kafka_events.SENDER_HEADER}` says it of the whole record.\n"
    )
    return text


def stores_page() -> str:
    """Redis keys, Cassandra tables, lake tables."""
    rows = [
        (
            f"`{key.pattern.replace('%s', '…').replace('%d', 'n')}`",
            key.kind,
            key.holds,
            key.writer,
            "never" if key.expires_seconds is None else f"{key.expires_seconds} s",
        )
        for key in redis_keys.KEYS
    ]
    text = "# Stores\n\n## Redis keys\n\n" + table(["key", "type", "holds", "writer", "expires"], rows)
    text += "\n## Cassandra\n\n```sql\n" + ";\n".join(cassandra_schema.statements()) + ";\n```\n"
    for name, schema in parquet_tables.TABLES.items():
        text += f"\n## Lake table `{name}`\n\n" + table(
            ["column", "type"], [(f"`{field.name}`", field.type) for field in schema]
        )
    return text


def features_page() -> str:
    """The features of each model, in order."""
    rows = [
        (
            index,
            f"`{feature.name}`",
            feature.kind,
            feature.source or "-",
            (feature.function.__doc__ or "").strip().split("\n")[0],
        )
        for index, feature in enumerate(sets.SURGE)
    ]
    return "# Features of the surge model\n\n" + table(["#", "feature", "kind", "source", "meaning"], rows)


def settings_page() -> str:
    """The settings of every process, and of the jobs that run beside them."""
    text = "# Settings\n\nRead from the environment; all problems are reported at once, at start.\n"
    processes = {row.name: row.module for row in (*inventory.SERVICES, *inventory.ACTORS)}
    jobs = {
        "wayfare stores prepare": "wayfare.cli.stores",
        "pipelines/history": "pipelines.history.main",
        "pipelines/surge": "pipelines.surge.main",
    }
    for name, module_name in (processes | jobs).items():
        kinds = list(_settings_of(module_name))
        fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
        text += f"\n## {name}\n\n" + table(
            ["variable", "default", "meaning"],
            (
                (
                    f"`WAYFARE_{name.upper()}`",
                    "required" if field.is_required() else f"`{field.default}`",
                    field.description or "",
                )
                for name, field in fields.items()
            ),
        )
    return text


def _settings_of(module_name: str) -> Iterator[type[ProcessSettings]]:
    """The settings that a process's module names; they are its own, or of the module `settings` beside it.

    The module is read and not imported: some need what only their image holds.
    """
    spec = importlib.util.find_spec(module_name)
    text = pathlib.Path(str(spec and spec.origin)).read_text()
    beside = module_name.rpartition(".")[0] + ".settings"
    home = beside if importlib.util.find_spec(beside) else module_name
    kinds = [kind for kind in vars(importlib.import_module(home)).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, ProcessSettings) and kind.__module__ == home and re.search(rf"\b{kind.__name__}\b", text):
            yield kind


def _box(x: int, y: int, width: int, text: str, kind: str) -> str:
    lines = text.split("\n")
    height = 22 + 15 * len(lines)
    spans = "".join(
        f'<text x="{x + width / 2}" y="{y + 22 + 15 * number}" class="{"name" if number == 0 else "note"}">{line}</text>'
        for number, line in enumerate(lines)
    )
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" class="{kind}"/>{spans}'


def _arrow(x1: int, y1: int, x2: int, y2: int, text: str = "") -> str:
    label = f'<text x="{(x1 + x2) / 2}" y="{(y1 + y2) / 2 - 5}" class="label">{text}</text>' if text else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="arrow" marker-end="url(#head)"/>{label}'


def architecture_picture() -> str:
    """The way of the data as one SVG; fails when a service of the table is not drawn."""
    shapes = [
        _box(20, 40, 150, "apps\nriders, drivers\nsimulator, replayer", "outside"),
        _box(240, 20, 150, "events_api\nFlask, gunicorn", "service"),
        _box(470, 20, 190, "Kafka\ndriver-pings, ride-requests\ntrips, weather", "server"),
        _box(740, 20, 150, "ingest\npanes, sketches", "service"),
        _box(740, 130, 150, "lander\nimmutable Parquet", "service"),
        _box(970, 20, 150, "Redis\nlive window, map", "server"),
        _box(240, 190, 150, "pricing_api\nquotes, bookings\nsurge map", "service"),
        _box(470, 150, 190, "Kafka\npanes, predictions\nbookings", "server"),
        _box(470, 270, 190, "booking_relay\nledger to Kafka", "service"),
        _box(240, 320, 150, "Cassandra\nledger, features", "server"),
        _box(740, 250, 150, "lake\nHive tables", "store"),
        _box(740, 350, 150, "pipelines\nhistory, surge\nSpark, TensorFlow", "service"),
        _box(470, 400, 190, "artifact store\nsigned versions, labels", "store"),
        _box(240, 430, 150, "publisher\nverifies, places", "service"),
        _box(20, 190, 150, "console\nCity now", "service"),
        _box(970, 150, 150, "drift_monitor\nstates, report, events", "service"),
        _box(20, 330, 150, "model_server\nTensorFlow\nPredictionService", "service"),
    ]
    arrows = [
        _arrow(170, 65, 238, 50, "HTTP"),
        _arrow(390, 48, 468, 48),
        _arrow(660, 48, 738, 48),
        _arrow(890, 48, 968, 48),
        _arrow(740, 66, 662, 150, "panes"),
        _arrow(110, 107, 238, 205, "HTTP"),
        '<polyline points="1045,20 1045,0 430,0 430,205 392,205" class="arrow" fill="none" marker-end="url(#head)"/>',
        '<text x="740" y="-6" class="label">copies of the window, several times a second</text>',
        _arrow(170, 225, 238, 225, "map"),
        _arrow(390, 235, 468, 205, "predictions"),
        _arrow(660, 180, 738, 165),
        _arrow(815, 182, 815, 248),
        _arrow(815, 302, 815, 348),
        _arrow(738, 400, 662, 425, "signed"),
        _arrow(468, 440, 392, 455),
        _arrow(240, 455, 172, 385, "places"),
        _arrow(240, 235, 150, 328, "gRPC"),
        _arrow(315, 257, 315, 318, "bookings"),
        _arrow(390, 340, 468, 300),
        _arrow(565, 270, 565, 219),
        _arrow(740, 375, 392, 350, "features"),
    ]
    style = (
        "text{font:12px system-ui,sans-serif;text-anchor:middle;fill:#1b2733}.name{font-weight:600;font-size:13px}"
        ".note{fill:#4a5a6a}.label{fill:#4a5a6a;font-size:11px}.service{fill:#dff0ea;stroke:#2a7f62}"
        ".server{fill:#e4ebf7;stroke:#3b5fa4}.store{fill:#f6eeda;stroke:#a8842c}.outside{fill:#f4f4f4;stroke:#888}"
        ".arrow{stroke:#667;stroke-width:1.4}"
    )
    drawn = "".join(arrows + shapes)
    for service in inventory.SERVICES:
        if f">{service.name}<" not in drawn:
            raise SystemExit(f"docs/generate.py does not draw the service {service.name}")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -25 1140 525" role="img" '
        'aria-label="The way of the data through Wayfare">'
        f"<style>{style}</style><defs><marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z' fill='#667'/></marker></defs>"
        f'<rect y="-25" width="1140" height="525" fill="#fff"/>{drawn}</svg>\n'
    )


def pages() -> Iterator[tuple[pathlib.Path, str]]:
    """Every generated file with its content."""
    note = "\n_Generated by `make docs`; do not edit._\n"
    yield DOCS / "reference" / "metrics.md", metrics_page() + note
    yield DOCS / "reference" / "topics.md", topics_page() + note
    yield DOCS / "reference" / "stores.md", stores_page() + note
    yield DOCS / "reference" / "features.md", features_page() + note
    yield DOCS / "reference" / "settings.md", settings_page() + note
    yield DOCS / "architecture.svg", architecture_picture()


def main(check: bool) -> int:
    """Write the pages, or with `check` only say which differ (exit status 1)."""
    stale = [(path, text) for path, text in pages() if not path.is_file() or path.read_text() != text]
    for path, text in stale:
        if check:
            print(f"{path} is out of date: run make docs")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
