"""Settings of a process that serves HTTP to apps."""

from __future__ import annotations

from pydantic import Field, model_validator

from wayfare.runtime.settings import ProcessSettings

DEVELOPMENT_ISSUER = "wayfare-development"


class WebSettings(ProcessSettings):
    """What the HTTP edge of a service is told."""

    host: str = Field("127.0.0.1", description="Address that the public port listens on.")
    port: int = Field(0, ge=0, le=65535, description="Public port; 0 takes a free one.")
    threads: int = Field(16, ge=1, le=256, description="Requests answered at the same time.")
    connections: int = Field(
        512, ge=2, description="Connections held at the same time, idle ones too; more wait in the backlog."
    )
    backlog: int = Field(256, ge=1, description="Connections that may wait to be accepted; more are refused.")
    keepalive_seconds: int = Field(20, ge=1, description="How long an idle connection is kept.")
    request_seconds: float = Field(
        15.0, gt=0, description="Longest a client may take to send a request and read its answer, together."
    )
    deadline_seconds: float = Field(5.0, gt=0, description="How long a handler may take before it answers 503.")
    jwks: str = Field(description="File or https URL of the JSON Web Key Set that verifies Bearer tokens.")
    token_issuer: str = Field(DEVELOPMENT_ISSUER, description="The `iss` that a Bearer token must carry.")
    rate_per_second: float = Field(50.0, gt=0, description="Requests a second that one rider or driver may send.")
    rate_burst: float = Field(200.0, ge=1, description="Requests that one rider or driver may send at once.")

    @model_validator(mode="after")
    def _closed_in_production(self) -> WebSettings:
        if self.env == "production" and self.token_issuer == DEVELOPMENT_ISSUER:
            raise ValueError("production needs an issuer of its own in WAYFARE_TOKEN_ISSUER, got the development one")
        return self
