"""The replayer: recorded cabs sent as if they drove now, over HTTP."""

from __future__ import annotations

from services.city_simulator.actor import Tools, play
from services.city_simulator.recording import read
from services.city_simulator.replay import Replay
from services.city_simulator.settings import ReplaySettings
from wayfare.runtime.settings import load


def main() -> None:
    """Play a recording until told to stop."""
    settings = load(ReplaySettings)

    def build(tools: Tools) -> Replay:
        recording = read(settings.replay_file)
        return Replay(tools.city, recording, tools.delivery.put, tools.statistics, tools.now_ms)

    play("replayer", settings.replayed_city, settings, build)


if __name__ == "__main__":
    main()
