"""What drift_monitor answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from services.drift_monitor.telling import Told
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.runtime.web.types import Model, TimeOut

State = Literal["ok", "drifted", "unknown"]


class Alarm(Model):
    """What was found in one series: a feature's mean, variance, share of a category, of missing or of unseen values."""

    feature: str
    what: str = Field(
        description="mean, variance, missing, unseen, stale, or the position of a category among those listed."
    )
    direction: Literal["up", "down"]
    since: TimeOut = Field(description="When it began, as far as the figures say; the city's clock.")
    found: TimeOut = Field(description="When it was known.")


class Check(Model):
    """One check: its state, and why."""

    state: State
    reason: str = Field(description="Why it is unknown; else empty.")
    since: TimeOut | None = Field(description="When the oldest drift that stands began.")
    evidence: float | None = Field(ge=0, le=1, description="How far the farthest chart is on its way to an alarm.")
    alarms: list[Alarm]


class ModelDrift(Model):
    """One city's model."""

    city: str
    model: str
    version: int | None = Field(description="The version judged; null where none was seen or labelled.")
    state: State = Field(description="drifted when any check is, else unknown when any is, else ok.")
    until: TimeOut | None = Field(description="End of the newest five minutes judged, on the city's clock.")
    evaluated_at: TimeOut | None = Field(description="Wall time of that judgement.")
    rows_last_hour: int = Field(ge=0)
    rows_last_day: int = Field(ge=0)
    checks: dict[str, Check]


class Overview(Model):
    """All models of all cities."""

    models: list[ModelDrift]


class ColumnFigures(Model):
    """A feature, what was predicted, or an outcome, over a stretch of time; null is what cannot be told."""

    name: str
    group: Literal["features", "predictions", "outcomes"]
    kind: str
    known: int
    missing: float | None
    missing_expected: float | None
    unseen: float | None
    mean: float | None
    sd: float | None
    mean_expected: float | None
    sd_expected: float | None
    kl: float | None = Field(description="Divergence from training, of Gaussians by mean and variance, in nats.")
    kl_p: float | None = Field(description="Its p-value, by the shape and the effective number of rows.")
    psi: float | None
    g: float | None
    g_p: float | None
    labels: list[str]
    counts: list[int]
    shares_expected: list[float]
    hourly_shift_sd: list[float | None]


class ReferenceShape(Model):
    """What the training's reference is made of. schema_number 1 lacks what sequential tests need."""

    schema_number: int
    rows: int
    days: int


class ModelDetail(ModelDrift):
    """One city's model with the figures of its last hour and day."""

    reference: ReferenceShape | None
    last_hour: list[ColumnFigures]
    last_day: list[ColumnFigures]


class Detail(Model):
    """One model in every city that it is of."""

    models: list[ModelDetail]


def drift_of(told: Told) -> ModelDrift:
    """The short form."""
    return ModelDrift(**_short(told))


def detail_of(told: Told) -> ModelDetail:
    """The long form."""
    judgement = told.judgement or {}
    shape = judgement.get("reference")
    return ModelDetail(
        **_short(told),
        reference=ReferenceShape(schema_number=shape["schema"], rows=shape["rows"], days=shape["days"])
        if shape
        else None,
        last_hour=[ColumnFigures(**column) for column in judgement.get("hour", [])],
        last_day=[ColumnFigures(**column) for column in judgement.get("day", [])],
    )


def _short(told: Told) -> dict[str, Any]:
    judgement = told.judgement
    return {
        "city": told.city,
        "model": told.model,
        "version": told.version,
        "state": told.state,
        "until": (judgement["last"] + 1) * BUCKET_MS if judgement else None,
        "evaluated_at": judgement["evaluated_at_ms"] if judgement else None,
        "rows_last_hour": judgement["rows_hour"] if judgement else 0,
        "rows_last_day": judgement["rows_day"] if judgement else 0,
        "checks": {name: _check(one) for name, one in told.checks.items()},
    }


def _check(one: Mapping[str, Any]) -> Check:
    return Check(
        state=one["state"],
        reason=one["reason"],
        since=None if one["since"] is None else one["since"] * BUCKET_MS,
        evidence=one["evidence"],
        alarms=[
            Alarm(
                feature=alarm["feature"],
                what=alarm["what"],
                direction="up" if alarm["direction"] > 0 else "down",
                since=alarm["since"] * BUCKET_MS,
                found=(alarm["found"] + 1) * BUCKET_MS,
            )
            for alarm in one["alarms"]
        ],
    )
