"""Events over HTTP to events_api, as apps send them."""

from __future__ import annotations

from typing import Any

import httpx

from services.city_simulator.api import Api
from services.city_simulator.delivery import Answer, Json

MOST_AT_ONCE = 1_000
"""As many as events_api takes in one body."""

_PATHS = {topic: f"/v1/{topic}" for topic in ("driver-pings", "ride-requests", "trips", "weather")}
_LISTS = {"driver-pings": "pings", "trips": "trips", "weather": "observations"}
"""The field of the body that holds a list of events; of other topics one event is one body."""


class OverHttp:
    """`Sender` to events_api."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.timeout_seconds = api.timeout_seconds

    def most(self, topic: str) -> int:
        """Events of one body."""
        return MOST_AT_ONCE if topic in _LISTS else 1

    def send(self, topic: str, batch: list[Json]) -> Answer:
        """One POST."""
        path = _PATHS[topic]
        try:
            answer = self._api.post_event(path, {_LISTS[topic]: batch} if topic in _LISTS else batch[0])
        except httpx.HTTPError as error:
            return Answer(problem=f"events_api does not answer: {type(error).__name__} {error}")
        if answer.status_code == 202:
            return Answer(received_at=_received_at(answer))
        if answer.status_code == 422:
            return Answer(refused=_refused(answer, len(batch)))
        expected = answer.status_code == 503
        return Answer(
            problem=f"events_api answered {answer.status_code}",
            unexpected="" if expected else f"POST {path} answered {answer.status_code}",
        )


def _refused(answer: httpx.Response, count: int) -> dict[int, str]:
    """Why, by place in the batch; all of it when the answer names none of its events."""
    errors = _errors(answer)
    found = {int(parts[2]): why for at, why in errors if len(parts := at.split("/")) > 2 and parts[2].isdigit()}
    named = {place: why for place, why in found.items() if place < count}
    return named or dict.fromkeys(range(count), errors[0][1] if errors else "no reason was given")


def _errors(answer: httpx.Response) -> list[tuple[str, str]]:
    try:
        return [(row["pointer"], f"{row['detail']} at {row['pointer']}") for row in answer.json()["errors"]]
    except (ValueError, KeyError, TypeError):
        return []


def _received_at(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
        return str(body["received_at"])
    except (ValueError, KeyError, TypeError):
        return ""
