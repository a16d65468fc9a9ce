"""Finds a lasting change of many series of means at once, with a proven budget of false alarms.

The mean of n rows in one look is modelled as

    x = mu + hour + day + error + noise,   noise of variance v / n

with hour and day AR(1) of variances h v and d v, and the error of the reference's own mean, which does not fade.

A Kalman filter predicts x from the looks before; nu, the error over its standard deviation, is a martingale difference of
variance 1 under no drift. For a shift of delta standard deviations of a row and a side, theta = delta sqrt(v / S) and

    log L = theta nu - K(theta),   K(theta) = theta^2/2 + g theta^3/6 + 1.5 g^2 theta^4/24

with g the skewness of nu, so that E[L | past] <= 1 up to cumulants beyond the fourth (those of gamma and Poisson noise are
bounded by keeping |g theta| <= 0.6). W = max(W, 0) + log L is at most the logarithm of the Shiryaev-Roberts sum
R = (R + 1) L, and R - t is a supermartingale, hence P(W reaches h within T looks) <= T exp(-h). Of N charts together at most
`budget` first alarms a week are expected with h = log(looks a week x N / budget), whatever depends on what.

>>> round(threshold(charts=1000, looks=2016, budget=1.0), 2)
14.52

References: Lorden, Procedures for reacting to a change in distribution, 1971; Shin, Ramdas, Rinaldo, E-detectors, 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

SHIFTS = (0.05, 0.1, 0.2, 0.5, 1.0)
LOOK_MINUTES = 5.0
LOOKS_A_WEEK = round(7 * 24 * 60 / LOOK_MINUTES)
HOUR_FADES_MINUTES = 60.0
DAY_FADES_MINUTES = 1440.0
MOMENT_FADES_MINUTES = 15.0
EFFECTS = 4
_STEEPEST = 3.0
_SKEWED = 0.6
_SURPRISE = 3.0


def threshold(charts: int, looks: int = LOOKS_A_WEEK, budget: float = 1.0) -> float:
    """The height at which `charts` together raise at most `budget` false alarms in `looks` looks."""
    return math.log(max(1, charts) * looks / budget)


class Bank:
    """Charts of `series` series, each for every shift up and down. `height`: where a chart alarms.

    tolerance: a shift, in standard deviations of a row, that counts as none. onset: the look in which the excursion
    of each chart began; an alarm takes the chart that is farthest beyond the height.
    """

    def __init__(
        self, series: int, height: float | None = None, shifts: Sequence[float] = SHIFTS, tolerance: float = 0.0
    ) -> None:
        self.series, self.shifts, self.tolerance = series, np.array(shifts, np.float64), tolerance
        charts = series * 2 * len(shifts)
        self.height = threshold(charts) if height is None else height
        self.look = -1
        self._state = np.zeros((EFFECTS, series))
        self._cov = np.zeros((EFFECTS, EFFECTS, series))
        self._begun = np.zeros(series, bool)
        self._w = np.zeros((series, 2, len(shifts)))
        self._onset = np.zeros((series, 2, len(shifts)), np.int64)

    def take(
        self,
        look: int,
        n: Float,
        x: Float,
        mean: Float,
        variance: Float,
        skewness: Float,
        effects: Float,
        turned: tuple[bool, bool] = (False, False),
    ) -> tuple[Int, Int, Int]:
        """One look at every series; those with n = 0 or variance 0 are passed over. Returns series, sides, onsets of alarms.

        look: number of the five minutes, ascending; those without rows may be left out. A side is 1 for up, -1 for down. The
        charts of a series that alarmed begin anew. effects: [4, series], the variances of hour, day, error and moment in
        units of the rows' variance. turned: whether a new hour and a new day of the city's clock began, across
        which effects (and what is expected) may jump.
        """
        ahead = self._ahead(look, variance * effects, turned)
        self.look = look
        live = (n > 0) & (variance > 0)
        spread = np.where(live, variance, 1.0)
        nu, s = self._whiten(live, np.where(live, x - mean, 0.0), spread / np.maximum(n, 1.0), *ahead)
        skew = skewness * spread**1.5 / np.maximum(n, 1.0) ** 2 / s**1.5
        # [series, 2, 1]: the other side sees the mirror image.
        sides = np.array([1.0, -1.0])
        skew_of = (skew[:, None] * sides)[:, :, None]
        theta = np.minimum(_STEEPEST, self.shifts[None, None, :] * np.sqrt(spread / s)[:, None, None])
        theta = np.minimum(theta, _SKEWED / np.maximum(np.abs(skew_of), 1e-9))
        nu_of = (nu[:, None] * sides - (self.tolerance * np.sqrt(spread / s))[:, None])[:, :, None]
        cumulant = theta**2 / 2 + skew_of * theta**3 / 6 + 1.5 * skew_of**2 * theta**4 / 24
        begins = live[:, None, None] & (self._w <= 0)
        self._onset[begins] = look
        gain = theta * nu_of - cumulant
        self._w = np.where(live[:, None, None], np.maximum(self._w, 0.0) + gain, self._w)
        return self._alarms()

    def foreseen(self, look: int, variance: Float, effects: Float, turned: tuple[bool, bool]) -> tuple[Float, Float]:
        """What the looks before say of the effects in this one: their sum and its variance, per series. Changes nothing."""
        state, cov = self._ahead(look, variance * effects, turned)
        return state.sum(axis=0), cov.sum(axis=(0, 1))

    def _ahead(self, look: int, own: Float, turned: tuple[bool, bool]) -> tuple[Float, Float]:
        """State and covariance of the effects as of this look, before it is taken. own: their variances, [4, series]."""
        minutes = max(1, look - self.look) * LOOK_MINUTES if self.look >= 0 else LOOK_MINUTES
        fade = np.array(
            [
                math.exp(-minutes / HOUR_FADES_MINUTES - turned[0]),
                math.exp(-minutes / DAY_FADES_MINUTES - turned[1]),
                1.0,
                math.exp(-minutes / MOMENT_FADES_MINUTES),
            ]
        )
        aged = fade[:, None, None] * fade[None, :, None] * self._cov
        aged += np.eye(EFFECTS)[:, :, None] * ((1.0 - fade**2)[:, None] * own)
        return self._state * fade[:, None], np.where(self._begun, aged, np.eye(EFFECTS)[:, :, None] * own)

    def _whiten(
        self, live: npt.NDArray[np.bool_], error: Float, noise: Float, state: Float, cov: Float
    ) -> tuple[Float, Float]:
        """The innovation of each series over its standard deviation, and its variance; moves the filter on."""
        self._begun |= live
        self._state, self._cov = state, cov
        shared = self._cov.sum(axis=1)
        s = noise + shared.sum(axis=0)
        left = error - self._state.sum(axis=0)
        gain = np.where(live, shared / s, 0.0)
        # An error beyond what effects explain is a change, which the effects must not learn as theirs.
        self._state += gain * np.clip(left, -_SURPRISE * np.sqrt(s), _SURPRISE * np.sqrt(s))
        self._cov = self._cov - gain[:, None, :] * shared[None, :, :]
        return np.where(live, left / np.sqrt(s), 0.0), s

    def _alarms(self) -> tuple[Int, Int, Int]:
        flat = self._w.reshape(self.series, 2 * len(self.shifts))
        best = flat.argmax(axis=1)
        rows = np.flatnonzero(flat[np.arange(self.series), best] >= self.height)
        chart = best[rows]
        onsets = self._onset.reshape(flat.shape)[rows, chart]
        self._w[rows] = 0.0
        # What was found is a change: the effects begin anew, so that its end is not taken for another.
        self._state[:, rows] = 0.0
        self._begun[rows] = False
        return rows, np.where(chart < len(self.shifts), 1, -1), onsets

    def evidence(self) -> Float:
        """How far each series is on the way to an alarm, from 0 to 1."""
        highest = self._w.max(axis=(1, 2), initial=0.0)
        return np.asarray(np.clip(highest / self.height, 0.0, 1.0), np.float64)

    def to_json(self) -> dict[str, Any]:
        """All that a later process needs to go on exactly."""
        return {
            "look": self.look,
            "state": self._state.tolist(),
            "cov": self._cov.tolist(),
            "begun": self._begun.tolist(),
            "w": self._w.tolist(),
            "onset": self._onset.tolist(),
        }

    def restore(self, raw: dict[str, Any]) -> bool:
        """Go on from `to_json`; False, with nothing changed, when it is of another set of series or effects."""
        w = np.array(raw["w"], np.float64)
        if w.shape != self._w.shape or np.shape(raw["state"]) != self._state.shape:
            return False
        self.look, self._w = int(raw["look"]), w
        self._state, self._cov = np.array(raw["state"], np.float64), np.array(raw["cov"], np.float64)
        self._begun, self._onset = np.array(raw["begun"], bool), np.array(raw["onset"], np.int64)
        return True
