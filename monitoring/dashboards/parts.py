"""What all dashboards are made of: the data source, the city, queries, panels with their unit, meaning and runbook.

Every panel says what it shows and what good looks like. Where no data arrives it says "unknown", never 0: absence is not
health.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")
CITY = 'city=~"$city"'
GREEN, YELLOW, RED, UNKNOWN = "green", "yellow", "red", "text"
NO_VALUE = "unknown"
TAG = "wayfare"

COUNT, RATE, SHARE, SECONDS, BYTES, CORES, MONEY = "short", "reqps", "percentunit", "s", "bytes", "none", "currencyUSD"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression of a panel. legend: what each series is called, with labels in double braces."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a value stops being good (`warn`) and breaks its objective (`bad`); `low` turns both round."""

    bad: float
    warn: float | None = None
    low: bool = False

    def builder(self) -> dashboard.ThresholdsConfig:
        """The steps, from below."""
        steps = [models.Threshold(value=None, color=RED if self.low else GREEN)]
        if self.low:
            if self.warn is not None:
                steps.append(models.Threshold(value=self.bad, color=YELLOW))
            steps.append(models.Threshold(value=self.bad if self.warn is None else self.warn, color=GREEN))
        else:
            if self.warn is not None:
                steps.append(models.Threshold(value=self.warn, color=YELLOW))
            steps.append(models.Threshold(value=self.bad, color=RED))
        return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


@dataclass(frozen=True, slots=True)
class Panel:
    """What one panel shows. width: of 24. runbook: name of a page of docs/runbooks, to be opened when it looks bad."""

    title: str
    meaning: str
    unit: str
    queries: Sequence[Query]
    limits: Limits | None = None
    runbook: str | None = None
    width: int = 12
    height: int = 8


B = TypeVar("B", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel, statetimeline.Panel)


def lines(panel: Panel, *, stacked: bool = False) -> timeseries.Panel:
    """Series over time; the limits are lines across."""
    built = (
        timeseries.Panel()
        .fill_opacity(20 if stacked else 6)
        .line_width(2)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if stacked:
        built.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.limits:
        built.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED))
    return _filled(built, panel)


def number(panel: Panel) -> stat.Panel:
    """The newest value, with the last while behind it; coloured by the limits."""
    built = (
        stat.Panel()
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    if panel.limits is None:
        built.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color("text"))
    return _filled(built, panel)


def bars(panel: Panel) -> bargauge.Panel:
    """The newest value of each series, side by side."""
    built = (
        bargauge.Panel()
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _filled(built, panel, instant=True)


def states(panel: Panel, names: Mapping[str, tuple[str, str]]) -> statetimeline.Panel:
    """States over time, in words. names: a value of the query -> what it is called, and its colour."""
    mapped = {
        value: models.ValueMappingResult(text=name, color=color, index=index)
        for index, (value, (name, color)) in enumerate(names.items())
    }
    built = statetimeline.Panel().show_value(common_models.VisibilityMode.AUTO).row_height(0.9)
    built.mappings([models.ValueMap(options=mapped)])
    return _filled(built, panel)


def heat(panel: Panel) -> heatmap.Panel:
    """A histogram over time, from buckets."""
    built = (
        heatmap.Panel()
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(panel.unit).axis_placement(common_models.AxisPlacement.LEFT))
    )
    built.color(heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
    return _filled(built, panel, buckets=True)


def _filled(built: B, panel: Panel, *, instant: bool = False, buckets: bool = False) -> B:
    built.title(panel.title).description(panel.meaning).datasource(SOURCE).unit(panel.unit)
    built.no_value(NO_VALUE).span(panel.width).height(panel.height)
    if panel.limits:
        built.thresholds(panel.limits.builder())
    if panel.runbook:
        built.links([dashboard.DashboardLink("Runbook").url(f"${{runbooks}}/{panel.runbook}.md").target_blank(True)])
    for index, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index)).datasource(SOURCE)
        target = target.instant() if instant else target.range()
        if query.legend:
            target.legend_format(query.legend)
        if buckets:
            target.format(PromQueryFormat.HEATMAP)
        elif "_bucket" in query.expr:
            target.exemplar(True)
        built.with_target(target)
    return built
