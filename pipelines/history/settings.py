"""Settings of the history pipeline."""

from __future__ import annotations

import pathlib

from pydantic import Field

from wayfare.runtime.settings import CitySettings


class HistorySettings(CitySettings):
    """What the loading of history is told."""

    lake: pathlib.Path = Field(description="Folder of the lake's Parquet tables.")
    history_seed: int = Field(7, description="Seed of the simulated city: the same seed gives the same history.")
    history_days: int = Field(56, ge=1, le=400, description="Days of simulated history.")
    history_trips: int = Field(200_000, ge=1, description="About how many trips the simulated history holds.")
