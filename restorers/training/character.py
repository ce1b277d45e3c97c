"""What tells film grain from other noise, fitted: logistic weights for `restorers.detail.character`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from restorers.detail.character import KINDS, Traits, basis, traits
from restorers.detail.grain import Floats
from restorers.detail.telling import Telling, Tellings
from restorers.training.histories import Sample

RIDGE = 0.002  # weight of having no weights, a sample


def fitted(learned: Sequence[tuple[Traits, Sample]], trained_on: str) -> Tellings:
    """Weights for shots and for single frames, of traits and what they were measured on."""
    shots = [(t.vector(), s) for t, s in learned if t.moving is not None]
    singles = [(replace(t, moving=None, persistence=None).vector(), s) for t, s in learned]
    return Tellings(trained_on=trained_on, shot=_fitted(shots), still=_fitted(singles))


def measured_traits(shots: Iterator[Sample]) -> Iterator[tuple[Traits, Sample]]:
    """Traits of each, with the frames left behind."""
    for sample in shots:
        yield traits(sample.footage), replace(sample, frames=np.zeros((0, 3, 1, 1), np.float32))


def _fitted(learned: Sequence[tuple[Floats, Sample]]) -> Telling:
    vectors = np.stack([vector for vector, _ in learned])
    middle = np.median(vectors, 0)
    spread = np.maximum(vectors.std(0), 1e-3)
    bare = Telling(middle=tuple(middle), spread=tuple(spread), kinds=())
    signs = basis(vectors, bare)
    truth = np.zeros((len(learned), 4))
    for row, (_, sample) in zip(truth, learned, strict=True):
        row[KINDS.index(sample.history.kind)] += sample.share
        row[3] += 1 - sample.share
    kinds = _logistic(signs, truth)
    return bare.model_copy(
        update={
            "kinds": tuple(tuple(row) for row in kinds.round(4).tolist()),
            "middle": tuple(middle.round(5).tolist()),
            "spread": tuple(spread.round(5).tolist()),
        }
    )


def _logistic(signs: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights `(C, K)` of classes whose shares `(N, C)` add up to one."""
    shape = (truth.shape[1], signs.shape[1])

    def unlikely(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        odds = signs @ weights.T
        odds -= odds.max(1, keepdims=True)
        logs = odds - np.log(np.exp(odds).sum(1, keepdims=True))
        loss = -(truth * logs).sum() / len(signs) + RIDGE * (weights**2).sum() / 20
        return loss, ((np.exp(logs) - truth).T @ signs / len(signs) + RIDGE * weights / 10).ravel()

    found = minimize(unlikely, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return np.asarray(found.x.reshape(shape))
