"""What of a path is the camera's, and what the machine's: told by likelihood, shot by shot.

What the path does slowly is the camera's, what it does from frame to frame is the machine's; how slowly is told by
likelihood (see `trend`), for each axis by itself where that says more, unless nothing speaks against a camera that
stood still. Weave that swings within a second or so is told from a camera that moved by where it leads: nowhere.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers.geometry.warp import WARP
from restorers.steadiness import trend

Floats: TypeAlias = NDArray[np.float64]

LEAST_TRAVEL_PX = 0.5
LEAST_ZOOM_PX = 1.0
TRAVEL_SPREADS = 1.5
CERTAINTY = 2.0
LEAST_WEAVE_PX = 0.03
MOST_SPREADS = 4.0
GROUPS = (slice(0, 1), slice(1, 3), slice(3, len(WARP)))  # shift; rotation and shrinkage; warp
SLOW_PERIODS = (24, 34, 48, 68, 96, 136, 192, 384, 768)
SWINGING_CARRIED = (-0.3, 0.0, 0.3, 0.6, 0.75)
MOST_APART = 4
LEAST_LENGTH = 6
MOVING, EITHER = (2, 3, 4), (1, 2, 3, 4)  # orders of courses: a camera that pans need not zoom


class Courses(NamedTuple):
    """The camera's part of a path, `(T, 2, K)`."""

    values: Floats
    static: bool
    period: float | None


def parted(path: Floats, camera: Literal["auto", "static", "moving"]) -> Courses:
    """The camera's part of a path `(T, 2, K)` of modes of `warp`, pixels."""
    if camera == "static" or (camera == "auto" and not _travels(path)):
        return Courses(np.broadcast_to(np.median(path, axis=0), path.shape), True, None)
    values = path.copy()
    period = np.inf
    for group in GROUPS:
        part = path[:, :, group]
        if part.size:
            courses = _together_or_apart(part.reshape(len(path), -1), MOVING if group == GROUPS[0] else EITHER)
            values[:, :, group] = np.concatenate([course.values for course in courses], axis=1).reshape(part.shape)
            period = min(period, *(course.model.period for course in courses)) if group == GROUPS[0] else period
    return Courses(values, False, float(period))


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


def _together_or_apart(series: Floats, orders: Sequence[int]) -> list[trend.Course]:
    """Courses of all series, `(T, K)`, of one model, or of a model each, whichever is likelier."""
    if len(series) < 3:
        return [trend.Course(series, trend.Model(2, 2.0, 0.0), np.zeros(series.shape[1]), 0.0)]
    together = trend.slow_course(series, orders=orders)
    if series.shape[1] > MOST_APART:
        return [together]
    apart = [trend.slow_course(series[:, k : k + 1], orders=orders) for k in range(series.shape[1])]
    return [together] if together.cost < sum(course.cost for course in apart) else apart


def _slowly(series: Floats) -> tuple[trend.Course, trend.Course]:
    """The series explained by a course that swings within many frames, and by none, with jitter that lasts."""
    slow = trend.slow_course(series, periods=SLOW_PERIODS, carried=SWINGING_CARRIED)
    return slow, trend.slow_course(series, orders=(1,), periods=SLOW_PERIODS, carried=SWINGING_CARRIED)


def _travels(path: Floats) -> bool:
    """Whether the camera moved: in shift or slope, a course explains the path better, and leads somewhere."""
    if len(path) < LEAST_LENGTH:
        return bool(np.ptp(path[:, :, 0], axis=0).max() > 10 * LEAST_TRAVEL_PX)
    for group, least in ((GROUPS[0], LEAST_TRAVEL_PX), (GROUPS[1], LEAST_ZOOM_PX)):
        part = path[:, :, group].reshape(len(path), -1)
        if not part.size:
            continue
        pairs = [_slowly(part[:, k : k + 1]) for k in range(part.shape[1])]
        leading = [slow if slow.cost < still.cost else still for slow, still in pairs]
        course = np.concatenate([found.values for found in leading], axis=1)
        spread = float(np.sqrt(((part - course) ** 2).sum() / len(path)))
        travel = float(np.sqrt((np.ptp(course, axis=0) ** 2).sum()))
        if travel > max(TRAVEL_SPREADS * spread, least):
            return True
    return False
