"""Frames that stand far from where they belong: splices that jump, film slipped by a perforation, misframed stretches.

A jump is a step of the path that its neighborhood does not share: before it and behind it the picture goes on as it
went, and both sides show the same scene, so far apart. A quick pan is fast for longer; behind a cut there is another
scene. Where frames lie too far apart for dense flow, the shift is found first, by correlating all of what both show.

Padfield, Masked object registration in the Fourier domain, IEEE Trans. Image Processing 21(5), 2012 (correlation over
the part that both pictures share). doi:10.1109/TIP.2011.2181402
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.geometry import motion
from restorers.geometry.motion import Flow, Picture
from restorers.render import Footage

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Kind: TypeAlias = Literal["splice", "perforation", "misframe"]

SEARCHED_LINES = 96
SHADING_SHARE = 12
LEAST_OVERLAP = 0.4
LOST_PX = 1.0
FOUND_SHARE = 0.5
LEAST_LIKENESS, BETTER_BY = 0.4, 0.1
LEAST_LENGTH = 6
SPREADS = 6.0
SLACK_SPREADS = 1.5
LEAST_SPREAD_PX = 0.1
LEAST_SHARE = 0.006
PACE = 4
LONGEST_SPLICE = 3
AROUND = 3
QUIET_SHARE = 0.3
COMPARED_LINES = 180
PERFORATION_SHARE = (0.19, 0.34)
PITCH = 0.08
UPRIGHT = 0.15


class Jump(BaseModel):
    """Frames that stand apart from the rest of their shot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(description="reel number of the first of them")
    frames: int = Field(ge=1, description="how many")
    dx: float = Field(description="pixels to the right of where they belong")
    dy: float = Field(description="pixels beneath where they belong")
    kind: Kind = Field(
        description="splice: up to three frames that jump; perforation: slipped by whole perforations; misframe: a "
        "longer stretch out of frame"
    )

    @property
    def said(self) -> str:
        """E.g. `frame 1214 jumps 19 px up (splice)`."""
        last = self.frame + self.frames - 1
        who = f"frame {self.frame} jumps" if self.frames == 1 else f"frames {self.frame}-{last} jump"
        parts = ((abs(self.dy), "down" if self.dy > 0 else "up"), (abs(self.dx), "right" if self.dx > 0 else "left"))
        most = max(abs(self.dx), abs(self.dy))
        where = " and ".join(f"{far:.0f} px {way}" for far, way in parts if far >= max(0.5, 0.25 * most))
        return f"{who} {where} ({self.kind})"


def flows(source: Picture, target: Picture) -> tuple[Flow, Flow]:
    """Flow from one picture to another and back, over any distance at which they still share much of the scene."""
    there, back = motion.flow(source, target), motion.flow(target, source)
    if _shared(source, there, back) >= FOUND_SHARE:
        return there, back
    leap = shift(source, target)
    if leap is None:
        return there, back
    guess = np.broadcast_to(np.array(leap, np.float32), there.shape)
    far, home = motion.flow(source, target, guess), motion.flow(target, source, -guess)
    return (far, home) if _shared(source, far, home) > _shared(source, there, back) else (there, back)


def shift(source: Picture | Singles, target: Picture | Singles) -> tuple[float, float] | None:
    """How far the target's scene lies from the source's, x and y in pixels, to within two hundredths of the height.

    None where the pictures are no more alike anywhere than as they lie, or not alike at all.
    """
    small = [_detail(_small(picture, SEARCHED_LINES)) for picture in (source, target)]
    height, width = small[0].shape
    likeness = _correlation(*small)
    y, x = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
    down, across = int(y) - height + 1, int(x) - width + 1
    near = likeness[height - 3 : height + 2, width - 3 : width + 2].max()
    if likeness[y, x] < max(LEAST_LIKENESS, near + BETTER_BY):
        return None
    return across * source.shape[1] / width, down * source.shape[0] / height


def found(footage: Footage, shifts: Floats, pitch: float | None = None) -> tuple[Jump, ...]:
    """The jumps of a shot, in order; reads the frames beside each.

    Args:
        footage: the shot.
        shifts: `(T, 2)` where its frames lie, x then y, pixels.
        pitch: of the perforations, pixels, where it is known.
    """
    left = np.array(shifts, np.float64)
    jumps: list[Jump] = []
    refused: set[int] = set()
    while run := _largest(left, footage.size[0], refused):
        if not _same_scene(footage, left, run):
            refused.add(run.break_)
            continue
        left[run.first : run.stop] -= run.far
        jumps.append(_named(run, footage, pitch))
    return merged(tuple(jumps))


def merged(*found: tuple[Jump, ...]) -> tuple[Jump, ...]:
    """Jumps told by several references, in order."""
    return tuple(sorted((jump for jumps in found for jump in jumps), key=lambda jump: jump.frame))


def offsets(jumps: Iterable[Jump], first: int, length: int) -> Floats:
    """How far jumps put each of `length` frames from reel number `first` on out of its place, `(T, 2)` pixels."""
    far = np.zeros((length, 2))
    for jump in jumps:
        far[jump.frame - first : jump.frame - first + jump.frames] += jump.dx, jump.dy
    return far


class _Run(NamedTuple):
    """Frames first <= t < stop of a shot that lie `far` (x, y) from the others; the break that told it."""

    first: int
    stop: int
    far: Floats
    break_: int


def _largest(shifts: Floats, lines: int, refused: set[int]) -> _Run | None:
    """The run that jumps farthest and whose neighborhood is quiet."""
    if len(shifts) < LEAST_LENGTH:
        return None
    steps = np.diff(shifts, axis=0)
    pace = np.stack([np.median(_others(steps, t), axis=0) for t in range(len(steps))])
    breaks = steps - pace
    spread = np.maximum(1.4826 * np.median(np.abs(breaks), axis=0), LEAST_SPREAD_PX)
    size = np.hypot(*breaks.T)
    large = (np.abs(breaks) / spread).max(axis=1) > SPREADS
    large &= (size > LEAST_SHARE * lines) & (np.hypot(*pace.T) < size)
    slack = np.hypot(*spread) * SLACK_SPREADS
    for t in sorted(np.flatnonzero(large), key=lambda t: -size[t]):
        if int(t) in refused:
            continue
        run = _run(shifts, pace, breaks, int(t), slack)
        edges = {edge for edge in (run.first - 1, run.stop - 1) if 0 <= edge < len(steps)}
        still = QUIET_SHARE * size[t] + slack
        around = {u for e in edges for u in range(max(e - AROUND, 0), min(e + AROUND + 1, len(steps)))} - edges
        beside = steps[sorted(around)]
        quiet = np.hypot(*(beside - np.median(beside, axis=0)).T).max() < still
        at_end = len(edges) == 1 and run.stop - run.first == 1
        if quiet and (not at_end or abs(run.far[1]) >= abs(run.far[0])):
            return run
        refused.add(int(t))
    return None


def _others(steps: Floats, t: int) -> Floats:
    near = np.r_[max(t - PACE, 0) : t, t + 1 : min(t + PACE + 1, len(steps))]
    return steps[near]


def _run(shifts: Floats, pace: Floats, breaks: Floats, t: int, slack: float) -> _Run:
    """The frames that a break begins or ends: to where it is undone, else to the nearer end of the shot."""
    size = np.hypot(*breaks[t])
    undone = (np.hypot(*(breaks + breaks[t]).T) < QUIET_SHARE * size + slack) & (np.hypot(*breaks.T) > size / 2)
    partners = np.flatnonzero(undone)
    if len(partners):
        other = int(partners[np.argmin(np.abs(partners - t))])
        first, stop = min(t, other) + 1, max(t, other) + 1
    elif t + 1 < len(shifts) / 2:
        first, stop = 0, t + 1
    else:
        first, stop = t + 1, len(shifts)
    far = [
        _apart(shifts, pace, edge, stop - first) * sign
        for edge, sign in ((first, 1), (stop, -1))
        if 0 < edge < len(shifts)
    ]
    return _Run(first, stop, np.mean(far, axis=0), t)


def _apart(shifts: Floats, pace: Floats, edge: int, longest: int) -> Floats:
    """How far the frames from `edge` on lie from those before, the pace of the picture aside."""
    before, after = shifts[max(edge - AROUND, 0) : edge], shifts[edge : edge + AROUND]
    before, after = before[-longest:] if longest < AROUND else before, after[:longest]
    return np.asarray(after.mean(axis=0) - before.mean(axis=0) - pace[edge - 1] * (len(before) + len(after)) / 2)


def _same_scene(footage: Footage, shifts: Floats, run: _Run) -> bool:
    """Whether the frames on both sides of a run's ends show one scene, as far apart as the run says."""
    for edge in (run.first, run.stop):
        if not 0 < edge < len(shifts):
            continue
        number = footage.first + edge
        clip = footage.clip(number - 1, number + 1)
        before, after = (_small(motion.fine_luma(clip[n]), COMPARED_LINES) for n in (number - 1, number))
        step = (shifts[edge] - shifts[edge - 1]) * len(before) / footage.size[0]
        moved, still = _likeness(before, after, step), _likeness(before, after, np.zeros(2))
        if moved < max(LEAST_LIKENESS, still):
            return False
    return True


def _named(run: _Run, footage: Footage, pitch: float | None) -> Jump:
    dx, dy = (float(v) for v in run.far)
    frames = run.stop - run.first
    kind: Kind = "splice" if frames <= LONGEST_SPLICE else "misframe"
    if abs(dx) < UPRIGHT * abs(dy):
        whole = abs(dy) / (pitch or footage.size[0] * sum(PERFORATION_SHARE) / 2)
        slack = PITCH if pitch else PERFORATION_SHARE[1] / sum(PERFORATION_SHARE) * 2 - 1
        if round(whole) >= 1 and abs(whole - round(whole)) < slack:
            kind = "perforation"
    return Jump(frame=footage.first + run.first, frames=frames, dx=dx, dy=dy, kind=kind)


def _likeness(before: Singles, after: Singles, step: Floats) -> float:
    """Correlation of two pictures where both show the scene, the later one lying a step (x, y) apart."""
    height, width = before.shape
    matrix = np.array([[1, 0, step[0]], [0, 1, step[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(after, matrix, (width, height), flags=flags)
    seen = cv2.warpAffine(np.ones_like(after), matrix, (width, height), flags=flags) > 0.99
    if seen.mean() < LEAST_OVERLAP:
        return 0.0
    a, b = before[seen] - before[seen].mean(), moved[seen] - moved[seen].mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-9))


def _correlation(source: Singles, target: Singles) -> Floats:
    """Correlation of two pictures `(h, w)` at each whole shift, `(2h - 1, 2w - 1)`, over what both show."""
    size = [2 * n - 1 for n in source.shape]

    def spectrum(values: Floats) -> NDArray[np.complex128]:
        return np.asarray(scipy.fft.rfft2(values, size))

    ones = np.ones(source.shape)
    fixed, moving = target.astype(np.float64), source[::-1, ::-1].astype(np.float64)
    whole, a, b = spectrum(ones), spectrum(fixed), spectrum(moving)
    parts = np.stack(
        (whole * whole, a * whole, b * whole, spectrum(fixed**2) * whole, spectrum(moving**2) * whole, a * b)
    )
    count, first, second, squares, others, products = scipy.fft.irfft2(parts, size)
    count = np.maximum(np.round(count), 1)
    power = np.maximum(squares - first**2 / count, 1e-9) * np.maximum(others - second**2 / count, 1e-9)
    likeness = (products - first * second / count) / np.sqrt(power)
    return np.asarray(np.where(count >= LEAST_OVERLAP * source.size, likeness, -1.0))


def _detail(picture: Singles) -> Singles:
    around = len(picture) // SHADING_SHARE * 2 + 1
    return np.asarray(picture - cv2.blur(picture, (around, around), borderType=cv2.BORDER_REPLICATE), np.float32)


def _shared(source: Picture, there: Flow, back: Flow) -> float:
    """Share of what can be told at all that comes back to where it was, there and back."""
    weights = motion.texture(source)
    return float(weights[motion.consistency(there, back) < LOST_PX].sum() / max(float(weights.sum()), 1e-9))


def _small(picture: Picture | Singles, lines: int) -> Singles:
    height, width = picture.shape
    size = (max(round(width * lines / height), 1), lines)
    return np.asarray(cv2.resize(np.asarray(picture, np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
