"""Flicker as a stationary process: it goes on through a shot with the same strength and the same rhythm."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import toeplitz

Floats: TypeAlias = NDArray[np.float64]

LEAST_NOISE = 8e-4
RHYTHM_RARITY = 8.0
STRONG = 0.05
PERIODS = (2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48)
MEMORIES = (0.3, 0.7, 0.9, 0.96, 0.995)
SLOWEST_MEMORY = 0.96
RHYTHM_SHARES = (0.0, 0.1, 0.4, 1.5)
RANDOM_SHARES = (1e-4, 1e-3, 0.01, 0.1, 0.4, 1.0)


class Voice(NamedTuple):
    """A series `(T,)` of light, in density, and the standard error of its measurement."""

    series: Floats
    noise: float


class Flicker(NamedTuple):
    """A stationary process: white noise and a damped rhythm.

    Attributes:
        random: variance of the noise.
        rhythm: variance of the rhythm.
        period: of the rhythm, frames; infinite where it only wanders.
        memory: share of the rhythm that is left a frame later.
        cost: -2 log likelihood of the series it was told from.
    """

    random: float
    rhythm: float
    period: float
    memory: float
    cost: float

    def covariance(self, length: int) -> Floats:
        """Covariance `(T, T)` of a shot's frames."""
        return np.asarray(self.random * np.eye(length) + self.rhythm * _rhythm(length, self.period, self.memory))


def rhythmic(voice: Voice, courses: Floats) -> Flicker:
    """The likeliest flicker, its rhythm sought first roughly and then closely."""
    periods = [period for period in PERIODS if period <= len(courses) / 1.5]
    slow = [(np.inf, memory) for memory in MEMORIES if memory <= SLOWEST_MEMORY]
    rough = _likeliest_flicker(voice, courses, slow + [(period, MEMORIES[-2]) for period in periods])
    if not np.isfinite(rough.period):
        return rough
    index = periods.index(rough.period)
    near = [(period, memory) for period in periods[max(index - 1, 0) : index + 2] for memory in MEMORIES[2:]]
    return _likeliest_flicker(voice, courses, near)


def _likeliest_flicker(voice: Voice, courses: Floats, rhythms: Sequence[tuple[float, float]]) -> Flicker:
    series, noise = voice
    least = noise**2 + LEAST_NOISE**2
    size = _size(series, courses) + least
    random, rhythm = (grid.ravel() for grid in np.meshgrid(RANDOM_SHARES, RHYTHM_SHARES, indexing="ij"))
    keep = (rhythm > 0) | (random >= 0.01)
    random, rhythm = random[keep] * size + least, rhythm[keep] * size
    cost = np.full((len(rhythms), len(random)), (random + rhythm) / STRONG**2 + RHYTHM_RARITY * (rhythm > 0))
    both = np.concatenate((courses, series[:, None]), axis=1)
    for index, (period, memory) in enumerate(rhythms):
        values, vectors = _spectrum(len(series), period, memory)
        cost[index] += _costs(vectors.T @ both, random[:, None] + rhythm[:, None] * values)
    which, size_of = divmod(int(np.argmin(cost)), len(random))
    period, memory = rhythms[which]
    return Flicker(float(random[size_of]), float(rhythm[size_of]), period, memory, float(cost[which, size_of]))


def _costs(both: Floats, spread: Floats) -> Floats:
    """-2 log likelihood of a series, the last of `(T, k + 1)`, under courses of unit prior and noises of each variance.

    Args:
        both: courses and series, `(T, k + 1)`.
        spread: `(N, T)` variances.
    """
    count = both.shape[1]
    products = (both[:, :, None] * both[:, None, :]).reshape(len(both), -1)
    inner = (1 / spread @ products).reshape(-1, count, count) + np.diag([1.0] * (count - 1) + [0.0])
    sides = np.diagonal(np.linalg.cholesky(inner), axis1=1, axis2=2)
    return np.asarray(sides[:, -1] ** 2 + 2 * np.log(sides[:, :-1]).sum(axis=1) + np.log(spread).sum(axis=1))


def _size(voice: Floats, courses: Floats) -> float:
    rest = voice - courses @ np.linalg.lstsq(courses, voice, rcond=1e-9)[0]
    return float(np.mean(rest**2))


@lru_cache(maxsize=128)
def _spectrum(length: int, period: float, memory: float) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(_rhythm(length, period, memory))
    return np.maximum(values, 0), vectors


def _rhythm(length: int, period: float, memory: float) -> Floats:
    lag = np.arange(length)
    return np.asarray(toeplitz(memory**lag * np.cos(2 * np.pi * lag / period)))
