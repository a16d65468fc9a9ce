"""Keyed draws: randomness as a pure function of (seed, stream, entity, counter).

A draw is read off, never consumed: asking in another order, or not asking at all, changes no other draw. So two
runs of the market under different prices meet the same riders, the same rain and the same shifts, which is what makes
them comparable (common random numbers).

Method: the 64-bit finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
OOPSLA 2014), applied to the key, then to the entity, then to the counter, each step offset by the golden-ratio
increment. Each step is a bijection of the 64-bit word, so for one key and entity distinct counters never collide.

>>> uniform_one(key_of(7, "patience"), 12, 0) == uniform_one(key_of(7, "patience"), 12, 0)
True
>>> float(uniform(key_of(7, "patience"), [12], 0)[0]) == uniform_one(key_of(7, "patience"), 12, 0)
True
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_MASK = 0xFFFFFFFFFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB


def _mix_one(z: int) -> int:
    z = ((z ^ (z >> 30)) * _M1) & _MASK
    z = ((z ^ (z >> 27)) * _M2) & _MASK
    return z ^ (z >> 31)


def _mix(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_M1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_M2)
    return z ^ (z >> np.uint64(31))


def key_of(seed: int, stream: str) -> int:
    """The 64-bit key of one named stream of draws under one seed."""
    name = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big")
    return _mix_one((_mix_one((seed + _GOLDEN) & _MASK) ^ name) & _MASK)


def uniform_one(key: int, entity: int, counter: int) -> float:
    """One draw in the open interval (0, 1); the same value as `uniform` gives."""
    z = _mix_one((key + entity * _GOLDEN) & _MASK)
    return ((_mix_one((z + counter * _GOLDEN + 1) & _MASK) >> 11) + 0.5) * 2.0**-53


def uniform(key: int, entity: npt.ArrayLike, counter: npt.ArrayLike) -> Float:
    """Draws in (0, 1), one per pair of `entity` and `counter` (integers, broadcast together)."""
    entities = np.atleast_1d(np.asarray(entity, np.int64)).astype(np.uint64)
    counters = np.atleast_1d(np.asarray(counter, np.int64)).astype(np.uint64)
    golden = np.uint64(_GOLDEN)
    with np.errstate(over="ignore"):
        z = _mix(np.uint64(key) + entities * golden)
        z = _mix(z + counters * golden + np.uint64(1))
    return np.asarray(((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53, np.float64)


def normal(key: int, entity: npt.ArrayLike, counter: npt.ArrayLike) -> Float:
    """Standard normal draws by Box and Muller; uses the counters `2c` and `2c + 1` of the stream."""
    c = np.atleast_1d(np.asarray(counter, np.int64))
    radius = np.sqrt(-2.0 * np.log(uniform(key, entity, 2 * c)))
    return np.asarray(radius * np.cos(2.0 * math.pi * uniform(key, entity, 2 * c + 1)), np.float64)


def exponential(key: int, entity: npt.ArrayLike, counter: npt.ArrayLike) -> Float:
    """Draws from the exponential distribution of mean 1."""
    return np.asarray(-np.log(uniform(key, entity, counter)), np.float64)


def poisson(mean: Float, u: Float) -> Int:
    """Poisson counts by inversion: the quantile `u` of the distribution with each `mean` (at most 600)."""
    if mean.size and float(mean.max()) > 600.0:
        raise ValueError(f"inversion underflows beyond a mean of 600, got {float(mean.max())}")
    probability = np.exp(-mean)
    cumulative = probability.copy()
    count = np.zeros(mean.shape, np.int64)
    last = float(mean.max()) if mean.size else 0.0
    for k in range(1, int(last + 12.0 * math.sqrt(last) + 20.0)):
        above = u > cumulative
        if not above.any():
            break
        count[above] = k
        probability = probability * mean / k
        cumulative = cumulative + probability
    return count


def pick(cumulative: Float, u: Float) -> Int:
    """For each row of `cumulative` (rising to 1 along the last axis), the first index whose value is at least `u`."""
    index = (u[:, None] > cumulative).sum(axis=1)
    return np.asarray(np.minimum(index, cumulative.shape[1] - 1), np.int64)


def autoregressive(key: int, first: int, steps: int, phi: float, memory: int) -> Float:
    """Steps `first` to `first + steps - 1` of a stationary AR(1) series of unit variance, whatever step is asked first.

    x_h = phi x_{h-1} + sqrt(1 - phi^2) e_h, read as its moving average over the last `memory` keyed normals; the part
    left out has weight phi^memory.
    """
    noise = normal(key, np.arange(first - memory + 1, first + steps), 0)
    weights = math.sqrt(1.0 - phi**2) * phi ** np.arange(memory)
    return np.asarray(np.convolve(noise, weights, mode="valid"), np.float64)
