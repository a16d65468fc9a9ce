"""The frame of every dashboard: its id for good, its variables, the way to the others."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from monitoring.dashboards.parts import SOURCE, TAG
from monitoring.rule import RUNBOOKS


def frame(uid: str, title: str, description: str, *, ago: str = "now-3h", refresh: str = "10s") -> dashboard.Dashboard:
    """An empty dashboard. uid: never changed, links from elsewhere end there."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(ago, "now")
        .refresh(refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("source")
            .label("Prometheus")
            .type("prometheus")
            .current(models.VariableOption(text="Prometheus", value="prometheus"))
        )
        .with_variable(
            dashboard.QueryVariable("city")
            .label("City")
            .datasource(SOURCE)
            .query("label_values(wayfare_quotes_total, city)")
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(models.VariableOption(text="All", value="$__all"))
        )
        .with_variable(
            dashboard.TextBoxVariable("runbooks")
            .label("Runbooks")
            .description("Where this installation's copy of docs/runbooks can be read.")
            .default_value(RUNBOOKS)
        )
        .link(
            dashboard.DashboardLink("Wayfare")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )


def price(name: str, label: str, default: str, description: str) -> dashboard.TextBoxVariable:
    """A price that whoever looks may replace by their own."""
    return dashboard.TextBoxVariable(name).label(label).description(description).default_value(default)
