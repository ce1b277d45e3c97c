"""Chance that depends on the frame's number in the reel, never on where a window begins."""

import math

import numpy as np
from numpy.typing import NDArray

from restorers.restorer import Bench

BLOCK = 64
FORGOTTEN = 1e-6


def numbers(bench: Bench, *names: object) -> np.random.Generator:
    """NumPy's random numbers for the bench's seed and these names."""
    return np.random.default_rng(bench.generator(*names).initial_seed())


def wander(bench: Bench, name: str, frames: range, columns: int, *, memory: float) -> NDArray[np.float64]:
    """A stationary AR(1) process of unit variance, `(T, columns)`, at the reel numbers `frames`.

    It is the weighted sum of past innovations, cut off where their weight falls below 1e-6, so that a frame's value
    needs no frame but its own number.

    Args:
        bench: gives the seed.
        name: tells this process from others.
        frames: consecutive reel numbers.
        columns: independent processes.
        memory: correlation of a frame with the one before, in [0, 1).
    """
    reach = math.ceil(math.log(FORGOTTEN) / math.log(memory)) if memory > 0 else 0
    drawn = _innovations(bench, name, range(frames.start - reach, frames.stop), columns)
    value = np.zeros((len(frames), columns))
    for lag in range(reach + 1):
        value += memory**lag * drawn[reach - lag : reach - lag + len(frames)]
    return value * math.sqrt(1 - memory**2)


def _innovations(bench: Bench, name: str, frames: range, columns: int) -> NDArray[np.float64]:
    blocks = range(frames.start // BLOCK, (frames.stop - 1) // BLOCK + 1)
    drawn = np.concatenate([numbers(bench, name, block).standard_normal((BLOCK, columns)) for block in blocks])
    first = frames.start - blocks.start * BLOCK
    return drawn[first : first + len(frames)]
