"""What of a path is the camera's, and what the machine's: told by likelihood, shot by shot.

What the path does slowly is the camera's, what it does from frame to frame is the machine's. How slowly, each axis
tells by itself (see `likelihood`): its course is the mean over all that may be, each as likely as it is. One gate made
the weave of all axes: it lasts about as long in each, and shifts the picture about as far sideways as up and down.

A camera that nothing speaks against may have stood still: weave that swings within a second or so is told from a camera
that moved by where it leads, nowhere. A machine that nothing speaks for was not loose: how a hand moves a camera needs
no weave on top to be likely.
"""

from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from restorers.geometry.warp import AFFINE, WARP
from restorers.steadiness.likelihood import CARRIED, Judged, judged, unshaken_evidence
from restorers.steadiness.turns import turning

Floats: TypeAlias = NDArray[np.float64]

LEAST_TRAVEL_PX = 0.5
LEAST_ZOOM_PX = 1.0
TRAVEL_SPREADS = 1.5
CERTAINTY = 2.0
LEAST_WEAVE_PX = 0.07  # a twentieth of a pixel along either axis
MOST_SPREADS = 4.0
GROUPS = (slice(0, 1), slice(1, 3), slice(3, len(WARP)))  # shift; rotation and shrinkage; warp
SLOW_PERIODS = (24, 34, 48, 68, 96, 136, 192, 384, 768)
SWINGING_CARRIED = (-0.3, 0.0, 0.3, 0.6, 0.75)
LEAST_LENGTH = 6
LEAST_LENGTH_FOR_JUMPS = 8
LEAST_JITTER_PX = 1e-3
LASTING_SPREAD = 0.15  # of how long weave lasts in one axis and in another
ONE_MOVE = 0.25  # odds that both shifts run alike
WEAVE_SPREAD = 0.5  # of the log of weave sideways to weave up and down: four films of 1903 to 1920 have .0 to .8
LONGEST_PERIOD = 768.0
ODDS_OF_WEAVE = 2.0  # before anything is seen: who has a film steadied thinks that it weaves


class Courses(NamedTuple):
    """The camera's part of a path, `(T, 2, K)`."""

    values: Floats
    static: bool
    period: float | None


def parted(path: Floats, camera: Literal["auto", "static", "moving"]) -> Courses:
    """The camera's part of a path `(T, 2, K)` of modes of `warp`, pixels."""
    if camera == "static" or (camera == "auto" and not _travels(path)):
        return Courses(np.broadcast_to(np.median(path, axis=0), path.shape), True, None)
    if len(path) < 3:
        return Courses(path, False, LONGEST_PERIOD)
    series = _unjumped(_series(path))
    found = judged(series)
    values = _firm(found, _weights(found))
    for k in (0, 1):
        best = found.best(k)
        turned = turning(series[:, k], found.models[best], float(found.jitter[best, k]), float(found.cost[best, k]))
        if turned is not None:
            share = 1 / (1 + np.exp(np.clip((turned.cost - found.cost[best, k]) / 2, -40, 40)))
            values[:, k] += share * (turned.values - values[:, k])
    period = min(found.models[found.best(k)].period for k in (0, 1))
    return Courses(_modes(values), False, min(period, LONGEST_PERIOD))


def weaving(path: Floats, error: Floats) -> bool:
    """Whether a path shows that frames were shaken, beyond a camera's movement and errors of measurement.

    Each of shift, turning and shrinkage is likelier with jitter or without; in a loose gate each may weave or not, in a
    tight one none does.

    Args:
        path: `(T, 2, K)` pixels.
        error: `(T, 2, K)` standard error, pixels.
    """
    count = len(AFFINE)
    kept = _shown_once(path[:, :, :count], error[:, :, :count])
    if len(kept) < 3:
        return True
    series = _unjumped(_series(path[kept, :, :count]))
    odds = judged(series).evidence - unshaken_evidence(series, _series(error[kept, :, :count]))
    return bool((np.logaddexp(0, odds) - np.log(2)).sum() > -np.log(ODDS_OF_WEAVE))


def told(jitter: Floats, error: Floats) -> Floats:
    """Share of the jitter, `(2, K)`, that is no error of measurement; 0 for a group within twice its error.

    A machine's weave differs from frame to frame. What wanders without that is what something slow in the scene does to
    the measurement: a group counts by what it does from frame to frame.
    """
    found = np.asarray((jitter**2).mean(axis=0), np.float64)
    share = np.clip(1 - error**2 / np.maximum(found, 1e-12), 0, 1)
    quick = (np.diff(jitter, axis=0) ** 2).mean(axis=0) / 2
    for group in GROUPS:
        if not found[:, group].size:
            continue
        least = max(CERTAINTY**2 * float((error[:, group] ** 2).sum()), LEAST_WEAVE_PX**2)
        if min(float(quick[:, group].sum()), float(found[:, group].sum())) < least:
            share[:, group] = 0
    return share


def plausible(jitter: Floats) -> Floats:
    """Jitter `(T, 2, K)` whose turning, shrinkage and warp lie within what they usually are in the shot.

    Shifts may leap, film does not turn or warp so for a single frame: there the fit was led astray.
    """
    usual = 1.4826 * np.median(np.abs(jitter), axis=0)
    usual[:, GROUPS[0]] = np.inf
    return np.clip(jitter, -MOST_SPREADS * usual, MOST_SPREADS * usual)


def _series(path: Floats) -> Floats:
    """A path `(T, 2, K)` as series `(T, 2 K)`: both axes of a mode side by side, the shifts first."""
    return np.ascontiguousarray(path.transpose(0, 2, 1).reshape(len(path), -1))


def _modes(series: Floats) -> Floats:
    return np.ascontiguousarray(series.reshape(len(series), -1, 2).transpose(0, 2, 1))


def _shown_once(path: Floats, error: Floats) -> NDArray[np.intp]:
    """The frames that do not lie where the one before lay; all of them where most do.

    Films of 16 to 20 frames a second are shown at 24 with some frames twice: those say nothing of what the gate did.
    """
    steps = np.diff(path[:, :, 0], axis=0) ** 2 / (error[1:, :, 0] ** 2 + error[:-1, :, 0] ** 2)
    new = np.concatenate(([True], (steps > CERTAINTY**2).any(axis=1)))
    return np.flatnonzero(new) if 2 * new.sum() > len(path) else np.arange(len(path))


def _weights(found: Judged) -> Floats:
    """How likely each model is for each series, `(M, K)`, of which the first two are the shifts."""
    shares = np.array(CARRIED)
    likely = -0.5 * found.cost.reshape(len(shares), -1, found.cost.shape[1])
    size = 0.5 * np.log(found.jitter.reshape(likely.shape) / (1 - shares[:, None, None] ** 2))
    likely = likely + _lasting(likely, size)[:, None]
    for shifts, spread in zip(likely[:, :, :2], size[:, :, :2], strict=True):
        shifts[:] = _of_one_gate(shifts, spread)
    weights = np.exp(likely - likely.max(axis=(0, 1)))
    return np.asarray((weights / weights.sum(axis=(0, 1))).reshape(found.cost.shape))


def _lasting(likely: Floats, size: Floats) -> Floats:
    """Log odds of each `carried` for each series, `(R, K)`, that the other shifts, turnings and shrinkages tell.

    `likely` and `size` are `(R, N, K)`; what weaves too little to be told from errors of measurement tells nothing.
    """
    shares, (_, _, count) = np.array(CARRIED), likely.shape
    near = -0.5 * ((shares[:, None] - shares) / LASTING_SPREAD) ** 2
    near -= logsumexp(near, axis=1, keepdims=True)
    told = logsumexp(near[:, :, None] + logsumexp(likely, axis=1), axis=1)
    best = likely.reshape(-1, count).argmax(axis=0)
    weaves = size.reshape(-1, count)[best, np.arange(count)] > np.log(LEAST_WEAVE_PX)
    weaves[2 * len(AFFINE) :] = False
    told = np.where(weaves, told - told.max(axis=0), 0)
    others = told.sum(axis=1, keepdims=True) - told
    others[:, :2] -= told[:, 1::-1]  # the shifts are judged together
    odds = logsumexp(near[:, :, None] + others[:, None], axis=0)
    return np.asarray(odds - odds.max(axis=0))


def _of_one_gate(likely: Floats, size: Floats) -> Floats:
    """Log weights `(N, 2)` of the models of two shifts that share a gate, and perhaps a move.

    `likely` are their log likelihoods, `size` the logs of their weave.
    """
    apart = -0.5 * ((size[:, None, 0] - size[None, :, 1]) / WEAVE_SPREAD) ** 2
    both = likely[:, None, 0] + likely[None, :, 1] + apart + np.log((1 - ONE_MOVE) / len(likely))
    both[np.diag_indices(len(likely))] = np.logaddexp(
        np.diag(both), likely.sum(axis=1) + np.diag(apart) + np.log(ONE_MOVE)
    )
    return np.stack((logsumexp(both, axis=1), logsumexp(both, axis=0)), axis=1)


def _firm(found: Judged, weights: Floats) -> Floats:
    """The mean courses, `(T, K)`, once more without what stands far out of them."""
    values = found.mean(weights)
    spread = np.maximum(1.4826 * np.median(np.abs(found.series - values), axis=0), LEAST_JITTER_PX)
    held = np.clip(found.series, values - MOST_SPREADS * spread, values + MOST_SPREADS * spread)
    return replace(found, series=held).mean(weights)


def _unjumped(series: Floats) -> Floats:
    """A series `(T, K)` whose single frames that jump are put between their neighbors."""
    length = len(series)
    if length < LEAST_LENGTH_FOR_JUMPS:
        return series
    around = np.pad(series, ((2, 2), (0, 0)), mode="reflect", reflect_type="odd")
    near = np.sort(np.stack([around[k : k + length] for k in (0, 1, 3, 4)]), axis=0)
    between = (near[1] + near[2]) / 2
    apart = series - between
    spread = 1.4826 * np.median(np.abs(apart), axis=0)
    jumped = np.abs(apart) > np.maximum(5 * spread, 3 * (near[3] - near[0])) + LEAST_JITTER_PX
    return np.where(jumped, between, series)


def _travels(path: Floats) -> bool:
    """Whether the camera moved: in shift or slope, a course explains the path better, and leads somewhere."""
    if len(path) < LEAST_LENGTH:
        return bool(np.ptp(path[:, :, 0], axis=0).max() > 10 * LEAST_TRAVEL_PX)
    for group, least in ((GROUPS[0], LEAST_TRAVEL_PX), (GROUPS[1], LEAST_ZOOM_PX)):
        part = _series(path[:, :, group])
        if not part.size:
            continue
        found = judged(_unjumped(part), periods=SLOW_PERIODS, carried=SWINGING_CARRIED)
        course = _firm(found, (found.cost == found.cost.min(axis=0)).astype(np.float64))
        spread = float(np.sqrt(((part - course) ** 2).sum() / len(path)))
        travel = float(np.sqrt((np.ptp(course, axis=0) ** 2).sum()))
        if travel > max(TRAVEL_SPREADS * spread, least):
            return True
    return False
