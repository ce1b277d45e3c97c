"""Where the film lay in the scanner, told by its perforations.

An overscanned frame shows the holes the film was moved by. They know nothing of the camera: measured against them, the
machine's part of a path is absolute, on a pan as on a still. What the camera or the printer put into the picture by
standing unsteadily itself is not in them; it shows in the picture against the film, and is parted there (see `camera`).

Each hole is looked for around its place, and then its outline is laid over that of the median of the shot, point by
point along the normal, so that a torn side, dirt or a flare at one place is outvoted by the others.

Liang, Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73(1), 1986 (the error).
doi:10.1093/biomet/73.1.13
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.clip import Clip
from restorers.colorspace import luma
from restorers.geometry.warp import AFFINE
from restorers.render import Footage
from restorers.restorer import Bench
from restorers.steadiness.aperture import Opening, opening
from restorers.steadiness.gauges import Gauge, Hole, perforations

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

SAMPLED_FRAMES = 9
LINES = 540
GAMMA = 0.45
RIM, REACH = 0.3, 0.6
LEAST_CONTRAST = 0.3
SEARCHED_HEIGHT_PX = 40
LEAST_LIKENESS = 0.5
POINTS = 160
ARCS = 8
PROFILE_SHARE, LEAST_PROFILE_PX, MOST_PROFILE_PX = 0.12, 4, 12
ROUNDS = 4
INLIER_SPREADS = 2.5
LEAST_SPREAD_PX = 0.03
LEAST_ERROR_PX = 0.01
SLOPE = 2e-3
LEAST_AGREEMENT = 0.3
LEAST_TOLD = 0.8


class FilmPath(NamedTuple):
    """Where the film lay in the scanner, frame by frame.

    Attributes:
        places: `(T, 2, 3)` coefficients of the modes `warp.AFFINE`, x then y, pixels; the median of the shot is zero.
        error: `(T, 2, 3)` standard error of each; infinite where no hole told anything.
        agreement: `(T,)` share of the holes' outlines that lies as the modes say, in [0, 1].
        gauge: how the film is perforated.
        holes: number of perforations followed.
        pitch: from one perforation to the next, pixels.
        opening: the part of the frame that shows the picture.
    """

    places: Floats
    error: Floats
    agreement: Floats
    gauge: Gauge
    holes: int
    pitch: float
    opening: Opening

    @property
    def said(self) -> str:
        """E.g. `8 perforations of 35 mm film`."""
        return f"{self.holes} perforation{'s' if self.holes > 1 else ''} of {self.gauge.name}"


def found(footage: Footage, bench: Bench) -> FilmPath | None:
    """Where the film lay; None when the footage shows no perforations, or does not show them throughout.

    Reads a sample of the frames and, where that shows perforations, the sample again and the footage once.
    """
    sample = replace(footage, space=footage.source.space).sample(SAMPLED_FRAMES)
    pictures = np.stack([_light(_small(clip).in_space(footage.space).frames[0]) for clip in sample])
    middle = np.asarray(np.median(pictures, axis=0), np.float32)
    seen = perforations(middle)
    if seen is None:
        return None
    down, across = footage.size[0] / pictures.shape[1], footage.size[1] / pictures.shape[2]
    where = [_place(hole.scaled(across, down), footage.size) for hole in seen.holes]
    outlines = _learned(footage, where)
    lying: list[_Lying] = []
    for numbers, clip in footage.windows():
        lying += bench.map(partial(_lying_in, outlines, footage.size), (_views(clip[n], where) for n in numbers))
    told = np.array([one.agreement >= LEAST_AGREEMENT for one in lying])
    if told.mean() < LEAST_TOLD:
        return None
    places = np.stack([one.coefficients for one in lying])
    error = np.stack([one.error for one in lying])
    places[~told], error[~told] = _between(places, told), np.inf
    places -= np.median(places[told], axis=0)
    pitch = float(np.median([place.hole.height for place in where])) * seen.gauge.pitch / seen.gauge.height
    picture = opening(middle, seen.holes).scaled(across, down)
    agreement = np.array([one.agreement for one in lying])
    return FilmPath(places, error, agreement, seen.gauge, len(where), pitch, picture)


class _Place(NamedTuple):
    """Where a hole is looked for, `(left, top, right, bottom)` in the frame, and where it lies in there, with a rim."""

    searched: tuple[int, int, int, int]
    outlined: tuple[int, int, int, int]
    hole: Hole


class _Outline(NamedTuple):
    """A hole as the shot shows it, and points on its outline.

    Attributes:
        place: where it is looked for.
        picture: `(h, w)` the hole with its rim.
        at: `(N, 2)` the points, x and y in the frame.
        normal: `(N, 2)` of the outline, x and y, of length one.
        profiles: `(N, P)` the picture across the outline, pixel by pixel.
        arcs: `(N,)` which part of the outline each point is on.
    """

    place: _Place
    picture: Singles
    at: Floats
    normal: Floats
    profiles: Floats
    arcs: NDArray[np.intp]

    @classmethod
    def of(cls, place: _Place, picture: Singles) -> Self:
        """The outline of a hole in a picture of it with its rim."""
        left, top, _, _ = place.outlined
        smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
        rows, columns = (
            slice(round(a) - start, round(b) - start)
            for a, b, start in ((place.hole.top, place.hole.bottom, top), (place.hole.left, place.hole.right, left))
        )
        inside, beside = float(np.median(smooth[rows, columns])), float(np.median(smooth[[0, -1], columns]))
        shape = ((smooth > (inside + beside) / 2) == (inside > beside)).astype(np.uint8)
        lines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        line = max(lines, key=len).reshape(-1, 2)
        line = line[np.linspace(0, len(line), min(POINTS, len(line)), endpoint=False).astype(np.intp)]
        x, y = line[:, 0], line[:, 1]
        slope = np.stack([cv2.Sobel(smooth, cv2.CV_32F, a, b)[y, x] for a, b in ((1, 0), (0, 1))], axis=1)
        steep = np.hypot(slope[:, 0], slope[:, 1]).astype(np.float64)
        height, width = picture.shape
        clear = (x > 2) & (y > 2) & (x < width - 3) & (y < height - 3) & (steep > 0.3 * np.median(steep))
        normal = slope[clear] / steep[clear, None]
        half = round(float(np.clip(PROFILE_SHARE * place.hole.height, LEAST_PROFILE_PX, MOST_PROFILE_PX)))
        at = line[clear].astype(np.float64)
        arcs = (np.arange(len(line)) * ARCS // len(line))[clear]
        return cls(place, picture, at + np.array([left, top]), normal, _profiles(picture, at, normal, half), arcs)


class _Lying(NamedTuple):
    """Where the film lies in a frame, coefficients `(2, 3)` and their standard errors, and how surely."""

    coefficients: Floats
    error: Floats
    agreement: float


def _place(hole: Hole, size: tuple[int, int]) -> _Place:
    height, width = size

    def grown(rim: float) -> tuple[int, int, int, int]:
        left, top = max(round(hole.left - rim), 0), max(round(hole.top - rim), 0)
        return left, top, min(round(hole.right + rim), width), min(round(hole.bottom + rim), height)

    return _Place(grown((RIM + REACH) * hole.height), grown(RIM * hole.height), hole)


def _views(frame: Tensor, places: list[_Place]) -> list[Singles]:
    """The frame around the holes."""
    return [_light(frame[:, top:bottom, left:right]) for left, top, right, bottom in (p.searched for p in places)]


def _learned(footage: Footage, places: list[_Place]) -> list[_Outline]:
    """The outlines in the median of the sampled frames, laid over the middle one of them."""
    sampled = [_views(clip.frames[0], places) for clip in footage.sample(SAMPLED_FRAMES)]
    middle = sampled[len(sampled) // 2]
    outlines = [_Outline.of(place, view[_within(place)]) for place, view in zip(places, middle, strict=True)]
    lying = [_lying_in(outlines, footage.size, views) for views in sampled]
    learned = []
    for index, place in enumerate(places):
        laid = [
            _laid(views[index], place, one.coefficients, footage.size)
            for views, one in zip(sampled, lying, strict=True)
            if one.agreement >= LEAST_AGREEMENT
        ]
        learned.append(_Outline.of(place, np.asarray(np.median(laid, axis=0), np.float32)) if laid else outlines[index])
    return learned


def _within(place: _Place) -> tuple[slice, slice]:
    (x, y, _, _), (left, top, right, bottom) = place.searched, place.outlined
    return slice(top - y, bottom - y), slice(left - x, right - x)


def _laid(view: Singles, place: _Place, coefficients: Floats, size: tuple[int, int]) -> Singles:
    """A view as it would be if the film lay as in the reference."""
    left, top, right, bottom = place.outlined
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float64), np.arange(top, bottom, dtype=np.float64))
    at = np.stack((x, y), axis=-1).reshape(-1, 2)
    there = at + _modes(at, size) @ coefficients.T - place.searched[:2]
    return _sampled(view, there).reshape(bottom - top, right - left).astype(np.float32)


def _lying_in(outlines: list[_Outline], size: tuple[int, int], views: list[Singles]) -> _Lying:
    """How the film lies in a frame, from the views around its holes."""
    found = np.zeros((2, len(AFFINE)))
    pairs = list(zip(outlines, views, strict=True))
    kept = [(outline, view, shift) for outline, view in pairs if (shift := _shift(outline, view)) is not None]
    if not kept:
        return _Lying(found, np.full(found.shape, np.inf), 0.0)
    found[:, 0] = np.median([shift for _, _, shift in kept], axis=0)
    at, normal = (np.concatenate([getattr(one, name) for one, _, _ in kept]) for name in ("at", "normal"))
    arcs = np.concatenate([outline.arcs + ARCS * index for index, (outline, _, _) in enumerate(kept)])
    modes = _modes(at, size)
    rows = np.concatenate((normal[:, :1] * modes, normal[:, 1:] * modes), axis=1)
    slack = np.diag(np.tile([0, 1, 1], 2) * 12 / (SLOPE * np.repeat(size[::-1], len(AFFINE))) ** 2)
    for _ in range(ROUNDS):
        moved = [outline.at + _modes(outline.at, size) @ found.T for outline, _, _ in kept]
        apart = np.concatenate([_apart(*one[:2], there) for one, there in zip(kept, moved, strict=True)])
        goal = apart + rows @ found.reshape(-1)
        weights, hold = np.isfinite(apart).astype(np.float64), slack
        goal[~np.isfinite(apart)] = 0
        told = weights > 0
        if told.sum() < ARCS:
            return _Lying(found, np.full(found.shape, np.inf), 0.0)
        for _ in range(ROUNDS):
            left = goal - rows @ found.reshape(-1)
            spread = max(1.4826 * float(np.median(np.abs(left[told]))), LEAST_SPREAD_PX)
            weights = told / (1 + (left / (INLIER_SPREADS * spread)) ** 2) ** 2
            hold = slack * spread**2 * POINTS / ARCS
            normal_matrix = (rows * weights[:, None]).T @ rows + hold
            found = np.linalg.solve(normal_matrix, rows.T @ (weights * goal)).reshape(found.shape)
    left = goal - rows @ found.reshape(-1)
    pulls = np.zeros((ARCS * len(kept), rows.shape[1]))
    np.add.at(pulls, arcs, rows * (weights * left)[:, None])
    inverse = np.linalg.inv(normal_matrix)
    covariance = inverse @ (pulls.T @ pulls + hold * spread**2 * POINTS / ARCS) @ inverse
    total = sum(len(outline.at) for outline in outlines)
    error = np.sqrt(np.diag(covariance) + LEAST_ERROR_PX**2).reshape(found.shape)
    return _Lying(found, error, float(weights.sum() / total))


def _shift(outline: _Outline, view: Singles) -> Floats | None:
    """Roughly how far a hole lies from its place, x and y in pixels; None if it is not to be seen."""
    shrink = min(1.0, SEARCHED_HEIGHT_PX / outline.place.hole.height)
    small, sought = (
        cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else picture
        for picture in (view, outline.picture)
    )
    if small.shape[0] < sought.shape[0] or small.shape[1] < sought.shape[1]:
        return None
    likeness = cv2.matchTemplate(small, sought, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < LEAST_LIKENESS:
        return None
    rows, columns = _within(outline.place)
    return np.array([x / shrink - columns.start, y / shrink - rows.start])


def _apart(outline: _Outline, view: Singles, at: Floats) -> Floats:
    """How far the outline in a view lies from the points `(N, 2)` of the frame along its normal; NaN where unclear.

    The view across each point is laid over the profile learned there, whatever its brightness and contrast.
    """
    profile = outline.profiles
    half = profile.shape[1] // 2
    there = at - outline.place.searched[:2]
    inside = ((there > 1) & (there < np.array(view.shape[::-1]) - 2)).all(axis=1)
    seen = _profiles(view, there, outline.normal, half)
    parts = np.stack((np.ones_like(profile), profile, np.gradient(profile, axis=1)), axis=1)
    gram = parts @ parts.transpose(0, 2, 1) + 1e-6 * np.eye(3)
    level = np.linalg.solve(gram, (parts @ seen[..., None]))[..., 0]
    contrast = level[:, 1]
    clear = inside & (contrast > LEAST_CONTRAST) & (contrast < 1 / LEAST_CONTRAST)
    shift = -level[:, 2] / np.where(clear, contrast, 1)
    return np.where(clear & (np.abs(shift) < half), shift, np.nan)


def _profiles(picture: Singles, at: Floats, normal: Floats, half: int) -> Floats:
    """The picture across points `(N, 2)`, `(N, 2 half + 1)`, pixel by pixel along the normals."""
    steps = np.arange(-half, half + 1)
    along = at[:, None, :] + steps[None, :, None] * normal[:, None, :]
    return _sampled(picture, along.reshape(-1, 2)).reshape(len(at), len(steps))


def _sampled(picture: Singles, at: Floats) -> Floats:
    """The picture at points `(N, 2)`, x and y, bicubic, `(N,)`."""
    height, width = picture.shape
    grid = torch.from_numpy(at * (2 / (width - 1), 2 / (height - 1)) - 1).float()
    there = functional.grid_sample(
        torch.from_numpy(picture)[None, None], grid[None, None], "bicubic", "border", align_corners=True
    )
    return there[0, 0, 0].numpy().astype(np.float64)


def _modes(at: Floats, size: tuple[int, int]) -> Floats:
    """The modes `warp.AFFINE` of a frame of `size` (height, width) at points `(N, 2)`, x and y; `(N, 3)`."""
    slopes = np.sqrt(3) * (2 * (at + 0.5) / size[::-1] - 1)
    return np.concatenate((np.ones((len(at), 1)), slopes), axis=1)


def _between(places: Floats, told: NDArray[np.bool_]) -> Floats:
    """The places of the frames that told nothing, on straight lines between the others."""
    times = np.arange(len(told))
    series = places.reshape(len(places), -1).T
    between = np.stack([np.interp(times[~told], times[told], one[told]) for one in series], axis=1)
    return between.reshape(-1, *places.shape[1:])


def _light(frame: Tensor) -> Singles:
    """Lightness of a frame `(3, h, w)` in density, `(h, w)`, on a scale as the eye's: clear film is near 1."""
    gray = np.ascontiguousarray(luma(frame.to(torch.float32))[0].cpu().numpy())
    return np.asarray(np.power(np.float32(10), -GAMMA * gray), np.float32)


def _small(clip: Clip) -> Clip:
    """A clip of one frame, no larger than holes are looked for in."""
    height, width = clip.size
    if height <= LINES:
        return clip
    size = (max(round(width * LINES / height), 1), LINES)
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in clip.frames[0].cpu().numpy()]
    return Clip(torch.from_numpy(np.stack(planes))[None], clip.space, clip.first)
