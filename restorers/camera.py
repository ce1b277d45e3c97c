"""What of a path is the camera's, and what the machine's: told by likelihood, shot by shot.

What the path does slowly is the camera's, what it does from frame to frame is the machine's; how slowly is told by
likelihood (see `trend`), unless nothing speaks against a camera that stood still.

Schwarz, Estimating the dimension of a model, Annals of Statistics 6(2), 1978. doi:10.1214/aos/1176344136
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers import trend
from restorers.warp import WARP

Floats: TypeAlias = NDArray[np.float64]

LEAST_TRAVEL_PX = 0.5
LEAST_ZOOM_PX = 1.0
TRAVEL_SPREADS = 2.5
CERTAINTY = 2.0
GROUPS = (slice(0, 1), slice(1, 3), slice(3, len(WARP)))  # shift; rotation and shrinkage; warp


class Courses(NamedTuple):
    """The camera's part of a path, `(T, 2, K)`."""

    values: Floats
    static: bool
    period: float | None


def parted(path: Floats, camera: Literal["auto", "static", "moving"]) -> Courses:
    if camera == "static" or (camera == "auto" and not _travels(path)):
        return Courses(np.broadcast_to(np.median(path, axis=0), path.shape), True, None)
    values = path.copy()
    period = 0.0
    for group in reversed(GROUPS):
        part = path[:, :, group]
        if part.size:
            course = trend.slow_course(part.reshape(len(path), -1))
            values[:, :, group], period = course.values.reshape(part.shape), course.period
    return Courses(values, False, period)


def _travels(path: Floats) -> bool:
    """Whether the camera moved: in shift or slope, a course explains the path better, and leads somewhere."""
    length = len(path)
    for group, least in ((GROUPS[0], LEAST_TRAVEL_PX), (GROUPS[1], LEAST_ZOOM_PX)):
        part = path[:, :, group].reshape(length, -1)
        slow, still = trend.slow_course(part), trend.constant_course(part)
        bought = part.shape[1] * (slow.freedom - still.freedom) * np.log(length)
        spread = float(np.sqrt(((part - slow.values) ** 2).sum() / length))
        travel = float(np.sqrt((np.ptp(slow.values, axis=0) ** 2).sum()))
        if slow.cost + bought < still.cost and travel > max(TRAVEL_SPREADS * spread, least):
            return True
    return False


def told(jitter: Floats, error: Floats) -> Floats:
    """Share of the jitter, `(2, K)`, that is no error of measurement; 0 for a group within twice its error."""
    found = np.asarray((jitter**2).mean(axis=0), np.float64)
    share = np.clip(1 - error**2 / np.maximum(found, 1e-12), 0, 1)
    for group in GROUPS:
        if not found[:, group].size:
            continue
        if found[:, group].sum() < CERTAINTY**2 * (error[:, group] ** 2).sum():
            share[:, group] = 0
    return share
