"""A frame beside what its neighbors say it shows, in a small picture, where grain is averaged out."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from restorers.cleaning.neighbors import Mask, grown
from restorers.cleaning.shelf import Shelf
from restorers.detail.grain import Floats, GrainModel
from restorers.geometry.motion import Flow, warped

OUT = 2.5  # times what a sound pixel may differ by, mean of 3 x 3, from which on it stands out
SLACK = 0.25  # of what the picture changes by from pixel to pixel: misregistration no flow is free of
ONE_SIDED = 1.5  # times as sure at the ends of a shot
NEAR, FAR = 2, 6  # pixels from something to what is beside it, and to all else


@dataclass(frozen=True, eq=False)
class View:
    """A frame and what its neighbors say it shows, small, at its level, `(h, w)`.

    Attributes:
        here: gray density.
        shown: what each of the two neighbors says.
        others: these as they are.
        inside: what of it each neighbor shows, and not its edge repeated.
        sigma: of the grain.
        sure: how many times as sure as between two neighbors a band must be.
    """

    here: Floats
    shown: tuple[Floats, Floats]
    others: tuple[Floats, Floats]
    inside: tuple[Mask, Mask]
    sigma: Floats
    sure: float

    @classmethod
    def quick(cls, shelf: Shelf, number: int, sides: tuple[int, int], lines: int) -> "View":
        """A frame of at most so many lines, and two others along the flow from it to them."""
        size = _size(shelf.clip.size, lines)
        one, two = (_scaled(shelf.flow(number, k), size) for k in sides)
        return cls._along(shelf, number, sides, (one, two))

    @classmethod
    def through(cls, shelf: Shelf, number: int, sides: tuple[int, int], lines: int) -> "View":
        """The same along the flow from one of the others to the other, which does not see what lies on the frame.

        What the frame as a whole moves by beside that is taken from the flow from it.
        """
        size, span = _size(shelf.clip.size, lines), sides[1] - sides[0]
        across = _scaled(shelf.flow(number + sides[0], span), size)
        motion = across
        for _ in range(2):
            motion = warped(across, np.float32(sides[0] / span) * motion)
        ways = []
        for k in sides:
            way, seen = motion * np.float32(k / span), _scaled(shelf.flow(number, k), size)
            ways.append(np.asarray(way + np.median((seen - way).reshape(-1, 2), 0), np.float32))
        return cls._along(shelf, number, sides, (ways[0], ways[1]))

    @classmethod
    def _along(cls, shelf: Shelf, number: int, sides: tuple[int, int], ways: tuple[Floats, Floats]) -> "View":
        size = (ways[0].shape[0], ways[0].shape[1])
        here, *others = (_small(shelf.gray(number + k), size) for k in (0, *sides))
        shown, inside, sigma = [], [], _sigma(shelf, number, size)
        y, x = (np.arange(n, dtype=np.float32) for n in size)
        for way, other in zip(ways, others, strict=True):
            down, along = y[:, None] + way[..., 1], x + way[..., 0]
            inside.append((down >= -1) & (along >= -1) & (down <= len(y)) & (along <= len(x)))
            there = np.asarray(cv2.remap(other, along, down, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32)
            shown.append(there + _level(here - there, sigma))
        sure = 1.0 if sides[0] < 0 < sides[1] else ONE_SIDED
        return cls(here, (shown[0], shown[1]), (others[0], others[1]), (inside[0], inside[1]), sigma, sure)

    @cached_property
    def known(self) -> Mask:
        """What both neighbors show, `(h, w)`."""
        return self.inside[0] & self.inside[1]

    @cached_property
    def noise(self) -> Floats:
        """One sigma of what a sound pixel may differ by."""
        return _scatter(*self.shown, self.sigma)

    def out(self, sign: int) -> Floats:
        """By how many times that it is darker (1) or brighter (-1) than both say, mean of 3 x 3."""
        return self.at_least(sign) * self.known

    def at_least(self, sign: int) -> Floats:
        """The same, and where only one neighbor knows what it says."""
        known = (np.where(i, sign * (self.here - s), np.inf) for i, s in zip(self.inside, self.shown, strict=True))
        nearest = np.minimum(*known)
        apart = np.where(np.isfinite(nearest), nearest, 0).clip(0) / self.noise
        return np.asarray(cv2.blur(apart, (3, 3)), np.float32)

    @cached_property
    def miss(self) -> Floats:
        """By how many times that the frame is off what they say at most, mean of 3 x 3."""
        apart = np.maximum(*(np.abs(self.here - there) for there in self.shown))
        return np.asarray(cv2.blur(apart / self.noise, (3, 3)) * self.known, np.float32)

    def beyond(self, sign: int, rows: int) -> Floats:
        """By how many sigmas it is darker or brighter than all they show within so many rows and two columns."""
        near = np.ones((2 * rows + 1, 5), np.uint8)
        reach = np.maximum(*(cv2.dilate(sign * there, near) for there in self.shown))
        return np.asarray((sign * self.here - reach) / self.sigma, np.float32)

    def explained(self, piece: Mask, others: Mask, beside: float, elsewhere: float) -> bool:
        """Whether the neighbors explain a share at least of what is beside a piece, and all else but a share.

        What is held for something of that kind too, `others`, counts neither way.
        """
        near, far = grown(piece, FAR) & ~grown(piece, NEAR) & self.known, ~grown(piece | others, FAR) & self.known
        if not (near.any() and far.any()) or (self.miss[near] < OUT).mean() < beside:
            return False
        return bool((np.maximum(self.out(1), self.out(-1))[far] >= OUT).mean() <= elsewhere)

    def unlike(self, seen: Mask, search: int, rim: int) -> float:
        """How little either neighbor shows the like of something, with a rim, so many pixels around it: 0 to 1."""
        rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        top, bottom = max(int(rows[0]) - rim, 0), min(int(rows[-1]) + rim + 1, seen.shape[0])
        left, right = max(int(columns[0]) - rim, 0), min(int(columns[-1]) + rim + 1, seen.shape[1])
        if right - left > seen.shape[1] - 2 * search:
            left, right = max(left, search), min(right, seen.shape[1] - search)
        if bottom - top > seen.shape[0] - 2 * search:
            top, bottom = max(top, search), min(bottom, seen.shape[0] - search)
        part = np.s_[top:bottom, left:right]
        weight = np.ascontiguousarray(grown(seen, rim)[part], np.float32)
        if not weight.any():
            return 1.0
        patch = np.ascontiguousarray(self.here[part])
        along = min(float((np.square(self.here - there)[part] * weight).sum()) for there in self.shown)
        random = 2 * float((self.sigma[part] ** 2 * weight).sum())
        nearest = along
        for other in self.others:
            field = cv2.copyMakeBorder(other, search, search, search, search, cv2.BORDER_REPLICATE)
            field = field[top : bottom + 2 * search, left : right + 2 * search]
            nearest = min(nearest, float(cv2.matchTemplate(field, patch, cv2.TM_SQDIFF, mask=weight).min()))
        return float(np.clip((nearest - random) / max(along - random, 1e-9), 0, 1))


def _scatter(one: Floats, two: Floats, sigma: Floats) -> Floats:
    """One sigma of what a sound pixel may differ by: grain, slight misregistration, what the neighbors disagree by."""
    mean = (one + two) / 2
    square = np.ones((3, 3), np.uint8)
    slope = SLACK * (cv2.dilate(mean, square) - cv2.erode(mean, square) - 2 * sigma).clip(0)
    variance = sigma**2 + slope**2
    apart = cv2.blur(np.abs(one - two), (7, 7)) / 1.128
    return np.asarray(np.sqrt(variance + np.maximum(apart**2 - sigma**2, 0)), np.float32)


def _size(size: tuple[int, int], lines: int) -> tuple[int, int]:
    """Height and width of the small picture."""
    height, width = size
    return (height, width) if height <= lines else (lines, round(width * lines / height))


def _small(gray: Floats, size: tuple[int, int]) -> Floats:
    return gray if gray.shape == size else np.asarray(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA))


def _scaled(flow: Flow, size: tuple[int, int]) -> Floats:
    """A flow in pixels of the small picture, `(h, w, 2)`."""
    scale = np.array((size[1] / flow.shape[1], size[0] / flow.shape[0]), np.float32)
    return np.asarray(cv2.resize(flow, size[::-1], interpolation=cv2.INTER_LINEAR) * scale, np.float32)


def _sigma(shelf: Shelf, number: int, size: tuple[int, ...]) -> Floats:
    """Sigma of the grain that is left in the small picture, `(h, w)`."""
    sigma = shelf.sigma(number)
    if sigma.shape == size:
        return sigma
    small = cv2.resize(sigma, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(_left(shelf.model, sigma.shape[0] / size[0])), np.float32)


def _left(model: GrainModel, factor: float) -> float:
    """Share of grain's sigma that is left in means of so many pixels squared."""
    lags = np.abs(np.arange(len(model.autocorrelation)) - len(model.autocorrelation) // 2)
    weights = np.clip(1 - lags / factor, 0, None)
    weights /= weights.sum()
    return float(np.sqrt(max((model.autocorrelation * np.outer(weights, weights)).sum(), 0)))


def _level(apart: Floats, sigma: Floats) -> Floats:
    """The light that a frame has more than a neighbor, wide means, none counted beyond 3 sigmas."""
    wide = 2 * (len(apart) // 4) + 1
    return np.asarray(
        cv2.blur(apart.clip(-3 * sigma, 3 * sigma), (wide, wide), borderType=cv2.BORDER_REFLECT), np.float32
    )
