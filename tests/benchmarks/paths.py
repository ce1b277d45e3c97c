"""How steady a path is: where each frame shows the film, over a grid of the frame, against where it should.

What a stabilizer does is a displacement s: its frame shows at x what the found one shows at x + s(x), and that shows
what the film holds at x + s(x) + d(x + s(x)). The error e(x) = s(x) + d(x + s(x)) is zero where the film is seen as it
was shot; a constant of time does not count.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.wear import Take, displacement_at

Floats: TypeAlias = NDArray[np.float64]
Applied: TypeAlias = Callable[[int, Floats, Floats], Floats]
"""What a stabilizer does to a frame at places `(N,)` of it: `(2, N)` pixels."""

TREND_FRAMES = 6
ROWS, COLUMNS = 12, 20


class Unsteadiness(NamedTuple):
    """Root mean squares over frames and picture, pixels.

    Attributes:
        quick: error faster than a Gaussian trend of six frames.
        whole: the part of it that is one affine movement of the frame.
        bent: the rest of it.
        step: error from frame to frame.
        slow: the trend itself, over all frames; how far a course is led astray.
        farthest: the frame in which the trend is farthest off.
    """

    quick: float
    whole: float
    bent: float
    step: float
    slow: float
    farthest: float


def places(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """The grid, x and y `(N,)`: the middles of equal fields of the frame."""
    y, x = ((np.arange(n) + 0.5) / n * extent - 0.5 for n, extent in zip((ROWS, COLUMNS), size, strict=True))
    across, down = np.meshgrid(x, y)
    return across.ravel(), down.ravel()


def errors(shot: Take, applied: Applied | None = None) -> Floats:
    """Error of every frame, `(T, 2, N)` pixels; of the shot as found where nothing is applied."""
    x, y = places(shot.size)
    found = []
    for index in range(len(shot.found)):
        s = np.zeros((2, len(x))) if applied is None else applied(index, x, y)
        found.append(s + displacement_at(shot.gate, index, shot.size, x + s[0], y + s[1]))
    return np.stack(found)


def unsteadiness(error: Floats) -> Unsteadiness:
    """What errors `(T, 2, N)` amount to."""
    slow = trend(error)
    quick = error - slow
    astray = slow - slow.mean(axis=0)
    whole = quick @ _affine(error.shape[-1])
    return Unsteadiness(
        quick=_size(quick),
        whole=_size(whole),
        bent=_size(quick - whole),
        step=_size(np.diff(error, axis=0)),
        slow=_size(astray),
        farthest=float(np.sqrt((astray**2).sum(axis=1).mean(axis=1)).max()),
    )


def trend(series: Floats) -> Floats:
    """A series `(T, ...)` seen through a Gaussian of six frames, cut off at the ends."""
    time = np.arange(len(series))
    weights = np.exp(-0.5 * ((time[:, None] - time) / TREND_FRAMES) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(np.tensordot(weights, series, axes=1))


def _affine(count: int) -> Floats:
    """Projection of a row of values on the grid onto a constant and two slopes."""
    x, y = places((ROWS, COLUMNS))
    basis = np.linalg.qr(np.stack((np.ones(count), x, y), axis=1))[0]
    return np.asarray(basis @ basis.T)


def _size(error: Floats) -> float:
    return float(np.sqrt((error**2).sum(axis=1).mean()))
