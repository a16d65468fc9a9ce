"""Settings of console."""

from __future__ import annotations

import pathlib

from pydantic import Field, model_validator

from wayfare.runtime.settings import CitySettings
from wayfare.runtime.web.settings import WebSettings


class ConsoleSettings(WebSettings, CitySettings):
    """What console is told."""

    prometheus_url: str = Field(pattern="^https?://", description="Address of Prometheus.")
    prometheus_ca_file: pathlib.Path | None = Field(None, description="Certificate authority of Prometheus.")
    prometheus_token_file: pathlib.Path | None = Field(None, description="Bearer token that Prometheus asks for.")
    prometheus_seconds: float = Field(2.0, gt=0, description="Longest wait for one answer of Prometheus.")
    pricing_url: str = Field(pattern="^https?://", description="Address of pricing_api, for the surge map.")
    pricing_seconds: float = Field(2.0, gt=0, description="Longest wait for one answer of pricing_api.")
    session_key_file: pathlib.Path = Field(description="Key that seals sessions; the same for all replicas.")
    session_seconds: float = Field(
        28_800.0, ge=60, description="Longest life of a session; it also ends with the token that it was given for."
    )
    console_tls: bool = Field(
        True, description="Whether browsers come by https; false, on loopback alone, lets the cookie go without."
    )
    refresh_seconds: float = Field(
        2.0, ge=0.2, description="Figures and maps are read again at most this often, however many look."
    )
    stale_seconds: float = Field(30.0, gt=0, description="Figures older than this are shown as stale.")
    unknown_seconds: float = Field(300.0, gt=0, description="Figures older than this are unknown.")

    @model_validator(mode="after")
    def _consistent(self) -> ConsoleSettings:
        if self.env == "production" and not self.console_tls:
            raise ValueError("production needs https, got WAYFARE_CONSOLE_TLS=false")
        if self.unknown_seconds <= self.stale_seconds:
            raise ValueError("figures turn stale before they are unknown, got WAYFARE_UNKNOWN_SECONDS below the other")
        return self
