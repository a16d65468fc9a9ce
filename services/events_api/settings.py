"""Settings of events_api."""

from __future__ import annotations

from pydantic import Field

from wayfare.runtime.settings import CitySettings, KafkaSettings
from wayfare.runtime.web.settings import WebSettings


class EventsSettings(WebSettings, KafkaSettings, CitySettings):
    """What events_api is told."""

    tick_seconds: float = Field(1.0, gt=0, le=30, description="How often a tick moves time in the log.")
    append_seconds: float = Field(
        4.0, gt=0, description="How long the log may take to acknowledge before the answer is 503."
    )
    gather_seconds: float = Field(
        0.008,
        ge=0,
        le=0.1,
        # At 3 ms a ping alone in its request cost a sixth more CPU; a phone notices neither.
        description="For how long the events of callers who come at about the same time are gathered into common records.",
    )
