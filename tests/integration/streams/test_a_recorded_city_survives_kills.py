"""San Francisco's cabs replayed and ingest killed at random: few of the kills that `make soak KILLS=100` makes."""

from __future__ import annotations

import random

from bench.soak.__main__ import killed
from bench.soak.recorded import FILE
from bench.soak.stage import stage

KILLS = 4
MINUTES_BETWEEN = 12


def test_the_window_is_the_logs_after_each_of_some_kills(data_dir, capsys):
    with stage(data_dir / FILE, proxied=False) as on:
        assert killed(on, random.Random(20080520), KILLS, KILLS * MINUTES_BETWEEN) == 0
    assert capsys.readouterr().out.count("window equal") == KILLS
