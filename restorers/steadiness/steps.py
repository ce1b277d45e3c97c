"""The pose graph of a shot: where its frames lie, put together from steps between pairs of them."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Floats: TypeAlias = NDArray[np.float64]


class Step(NamedTuple):
    """How far a frame was found to be from an earlier one, both counted from the start of the shot."""

    source: int
    target: int
    values: Floats
    weight: float


def reconciled(steps: Sequence[Step], length: int, shape: tuple[int, ...]) -> Floats:
    """The series `(T, *shape)` that agrees best with all steps, by weighted least squares; its median is zero.

    Args:
        steps: from an earlier to a later frame; one that no step leads to stays near zero.
        length: T.
        shape: of the steps' values.
    """
    reach = max((step.target - step.source for step in steps), default=0)
    bands = np.zeros((reach + 1, length))
    bands[-1] = 1e-9  # the level of the whole is free
    goal = np.zeros((length, *shape))
    for source, target, values, weight in steps:
        bands[-1, [source, target]] += weight
        bands[-1 - (target - source), target] -= weight
        goal[target] += weight * values
        goal[source] -= weight * values
    factor = cholesky_banded(bands)
    series = np.asarray(cho_solve_banded((factor, False), goal.reshape(length, -1))).reshape(goal.shape)
    return np.asarray(series - np.median(series, axis=0))
