"""A window of frames with what is computed of each of them once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import cv2
import numpy as np
from torch import Tensor

from restorers.cleaning.found import Found
from restorers.cleaning.neighbors import Box, Neighbor
from restorers.clip import Clip, Origin
from restorers.compiled import compiled
from restorers.detail.grain import Floats, GrainModel
from restorers.geometry.motion import Flow, Picture, flow, luma_for_flow

FLOOR = 0.008  # density: about one 8-bit step of video at mid gray
REACH = 3  # frames to each side that are looked at
REPEATED = 0.5  # of what two exposures differ by on average: frames of the same one differ by less
UNIT = 2 / np.pi**0.5  # sigmas of grain by which two exposures of a still scene differ on average
SMALL = 0.5  # of grain's variance
CALM = 0.8  # pixels: Gaussian blur
STRANGE = 6.0  # sigmas that no 5 x 5 pixels of it differ by


@dataclass(frozen=True, eq=False)
class Strip:
    """Consecutive frames of a shot, each by itself: a later strip shares those that both hold.

    Attributes:
        frames: each `(3, H, W)`, density.
        origins: the marks of each, `(H, W)`.
        first: reel number of the first frame.
    """

    frames: tuple[Tensor, ...]
    origins: tuple[Tensor, ...]
    first: int

    @classmethod
    def of(cls, clip: Clip) -> Self:
        """The frames of a clip."""
        return cls(tuple(clip.frames), tuple(clip.origin), clip.first)

    @property
    def stop(self) -> int:
        """Reel number behind the last frame."""
        return self.first + len(self.frames)

    @property
    def numbers(self) -> range:
        """Reel numbers of the frames."""
        return range(self.first, self.stop)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames[0].shape[1], self.frames[0].shape[2]

    def __getitem__(self, number: int) -> Tensor:
        """The frame `(3, H, W)` of a reel number.

        Raises:
            IndexError: the strip does not hold that frame.
        """
        return self.frames[self._place(number)]

    def origin(self, number: int) -> Tensor:
        """The marks of a frame, `(H, W)`.

        Raises:
            IndexError: the strip does not hold that frame.
        """
        return self.origins[self._place(number)]

    def further(self, clip: Clip, first: int) -> Self:
        """The frames from a number on, and those of the clip that follows."""
        kept = max(first - self.first, 0)
        return type(self)((*self.frames[kept:], *clip.frames), (*self.origins[kept:], *clip.origin), self.first + kept)

    def _place(self, number: int) -> int:
        if number not in self.numbers:
            raise IndexError(f"frame {number} is not in the strip {self.first}-{self.stop - 1}")
        return number - self.first


class Shelf:
    """A window of frames with what is computed of each of them once: gray densities, small pictures, flows."""

    def __init__(self, clip: Clip | Strip, model: GrainModel, dirt: Mapping[int, list[Found]] | None = None) -> None:
        self.clip = Strip.of(clip) if isinstance(clip, Clip) else clip
        self.model, self._dirt = model, {} if dirt is None else dirt
        self._dirty: dict[int, Floats] = {}
        self._grays: dict[int, Floats] = {}
        self._calm: dict[int, Floats] = {}
        self._sigmas: dict[int, Floats] = {}
        self._apart: dict[tuple[int, int], float] = {}
        self._repeats: dict[tuple[int, int], bool] = {}
        self._pictures: dict[int, Picture] = {}
        self._flows: dict[tuple[int, int], Flow] = {}
        self._drifts: dict[tuple[int, int], tuple[float, float]] = {}
        self._neighbors: dict[tuple[int, int], Neighbor] = {}

    def turned(self, clip: Clip, first: int) -> "Shelf":
        """The shelf from a frame on and with the clip that follows, and with what was computed of what is kept."""
        later = Shelf(self.clip.further(clip, first), self.model, self._dirt)
        here = later.clip.numbers
        singly: list[tuple[dict[int, Any], dict[int, Any]]] = [
            (self._dirty, later._dirty),
            (self._grays, later._grays),
            (self._calm, later._calm),
            (self._sigmas, later._sigmas),
            (self._pictures, later._pictures),
        ]
        for old, new in singly:
            new.update((n, value) for n, value in old.items() if n in here)
        later._apart.update((pair, value) for pair, value in self._apart.items() if pair[0] in here)
        later._repeats.update((pair, same) for pair, same in self._repeats.items() if pair[0] in here)
        later._flows.update((key, flow) for key, flow in self._flows.items() if key[0] in here and sum(key) in here)
        later._drifts.update((key, d) for key, d in self._drifts.items() if key[0] in here and sum(key) in here)
        later._neighbors.update((key, n) for key, n in self._neighbors.items() if key[0] in here and sum(key) in here)
        return later

    def part(self, number: int, box: Box) -> Floats:
        """A box of a frame, `(h, w, 3)`, density."""
        top, left, bottom, right = box
        return np.ascontiguousarray(self.clip[number][:, top:bottom, left:right].permute(1, 2, 0).cpu().numpy())

    def gray(self, number: int) -> Floats:
        """Mean density of its channels, `(H, W)`."""
        if number not in self._grays:
            self._grays[number] = np.ascontiguousarray(self.clip[number].mean(0).cpu().numpy())
        return self._grays[number]

    def calm(self, number: int) -> Floats:
        """The same, slightly blurred, `(H, W)`."""
        if number not in self._calm:
            self._calm[number] = np.asarray(cv2.GaussianBlur(self.gray(number), (0, 0), CALM), np.float32)
        return self._calm[number]

    @cached_property
    def calmed(self) -> float:
        """Share of grain's variance that is left in `calm`."""
        lags = np.arange(len(self.model.autocorrelation)) - len(self.model.autocorrelation) // 2
        line = np.exp(-(lags**2) / (4 * CALM**2))
        return float((self.model.autocorrelation * np.outer(line, line)).sum() / line.sum() ** 2)

    @cached_property
    def grains(self) -> int:
        """Pixels each way over which the mean of grain is small, 3 to 7: the more, the larger the grain is."""
        middle = len(self.model.autocorrelation) // 2
        for side in (3, 5):
            reach = np.arange(1 - side, side)
            shares = np.outer(side - np.abs(reach), side - np.abs(reach)) / side**4
            near = self.model.autocorrelation[middle + 1 - side : middle + side, middle + 1 - side : middle + side]
            if float((shares * near).sum()) < SMALL:
                return side
        return 7

    def planes(self, number: int) -> Floats:
        """A frame, `(3, H, W)`, density."""
        return np.ascontiguousarray(self.clip[number].cpu().numpy())

    def neighbor(self, number: int, distance: int) -> Neighbor:
        """The frame so many frames later (earlier, if negative), as seen from a frame."""
        key = (number, distance)
        if key not in self._neighbors:
            there, back = self.flow(number, distance), self.flow(number + distance, -distance)
            self._neighbors[key] = Neighbor(self.gray(number + distance), there, back)
        return self._neighbors[key]

    def flow(self, number: int, distance: int) -> Flow:
        """Flow from a frame to the one so many frames later."""
        key = (number, distance)
        if key not in self._flows:
            self._flows[key] = flow(self._picture(number), self._picture(number + distance))
        return self._flows[key]

    def drift(self, number: int, step: int) -> tuple[float, float]:
        """The flow x, y of most of a frame to the next or the one before, in pixels of the frame."""
        if (number, step) not in self._drifts:
            there, (height, width) = self.flow(number, step), self.clip.size
            x, y = np.median(there[::8, ::8].reshape(-1, 2), 0)
            self._drifts[number, step] = float(x) * width / there.shape[1], float(y) * height / there.shape[0]
        return self._drifts[number, step]

    def sides(self, number: int) -> tuple[int, int] | None:
        """Distances to the two frames a frame is compared with; none in a shot too short for it."""
        before, after = self._others(number, -1), self._others(number, 1)
        if before and after:
            return before[0], after[0]
        alone = before or after
        return (alone[0], alone[1]) if len(alone) > 1 else None

    def donors(self, number: int) -> list[int]:
        """Distances to the frames that may lend pixels to a frame, the nearest first."""
        return sorted(self._others(number, -1) + self._others(number, 1), key=lambda d: (abs(d), d))

    def repeats(self, one: int, two: int) -> bool:
        """Whether two frames are the same exposure: bit for bit, or they differ by less than grain everywhere.

        A transfer to video shows frames twice to make up its speed; such a frame has its dust on it twice. Where there
        is hardly any grain only what is the same bit for bit is held for such: two exposures may differ by as little.
        """
        key = (min(one, two), max(one, two))
        if key not in self._repeats:
            apart = self.apart(*key)
            same = apart == 0 or (apart < REPEATED and self.grainy(key[0]) and self._alike_everywhere(*key))
            self._repeats[key] = same
        return self._repeats[key]

    def apart(self, one: int, two: int) -> float:
        """How far two frames differ on average, over what two exposures of a still scene do by their grain."""
        key = (min(one, two), max(one, two))
        if key not in self._apart:
            apart = _mean_difference(self.gray(key[0]), self.gray(key[1]), self.sigma(key[0]))
            self._apart[key] = apart / UNIT
        return self._apart[key]

    def grainy(self, number: int) -> bool:
        """Whether most of a frame shows more grain than a scan's own steps."""
        sigma = self.sigma(number)
        return 2 * cv2.countNonZero(np.asarray(sigma > np.float32(FLOOR)).view(np.uint8)) >= sigma.size

    def sigma(self, number: int) -> Floats:
        """Sigma of the grain in a frame's gray densities, `(H, W)`."""
        if number not in self._sigmas:
            self._sigmas[number] = gray_sigma(self.model, self.gray(number))
        return self._sigmas[number]

    def dirty(self, number: int) -> Floats:
        """Where dirt is known to lie on a frame, or what it shows is no film at all, `(H, W)`: 1 there, else 0."""
        if number not in self._dirty:
            made_up = self.clip.origin(number) >= Origin.INTERPOLATED
            there = made_up.cpu().numpy().astype(np.float32)
            for found in self._dirt.get(number, []):
                top, left, bottom, right = found.box
                there[top:bottom, left:right][found.mask] = 1
            self._dirty[number] = there
        return self._dirty[number]

    def _others(self, number: int, step: int) -> list[int]:
        """Distances to the other exposures on one side, the nearest first; to plain neighbors if all are the same."""
        distances = [d for d in range(step, (REACH + 1) * step, step) if number + d in self.clip.numbers]
        other, shown = [], number
        for distance in distances:
            if not self.repeats(shown, number + distance):
                other.append(distance)
                shown = number + distance
        return other or distances

    def _alike_everywhere(self, one: int, two: int) -> bool:
        return float(cv2.blur(self._difference(one, two), (5, 5)).max()) < STRANGE

    def _difference(self, one: int, two: int) -> Floats:
        """What two frames differ by, in sigmas of grain, `(H, W)`."""
        return np.asarray(np.abs(self.gray(one) - self.gray(two)) / self.sigma(one), np.float32)

    def _picture(self, number: int) -> Picture:
        if number not in self._pictures:
            self._pictures[number] = luma_for_flow(self.clip[number])
        return self._pictures[number]


def gray_sigma(model: GrainModel, gray: Floats) -> Floats:
    """Standard deviation of grain in the mean of the channels, at each pixel, never below the scan's own steps."""
    curve = np.sqrt(np.einsum("ik,jk,ij->k", model.sigma, model.sigma, model.correlation) / 9)
    calm = np.asarray(cv2.blur(gray, (5, 5)), np.float32)
    return _read(calm, np.array(model.levels, np.float32), curve.astype(np.float32), FLOOR)


@compiled
def _read(places: Floats, levels: Floats, curve: Floats, least: float) -> Floats:
    """What a curve over evenly spaced levels is at some places `(h, w)`, no less than the least."""
    out, last = np.empty(places.shape, np.float32), np.int32(len(levels) - 2)
    rises = np.diff(curve) / np.diff(levels)
    starts = curve[:-1] - rises * levels[:-1]
    lowest, highest, steps = levels[0], levels[-1], np.float32(1) / (levels[1] - levels[0])
    for i in range(places.shape[0]):
        for j in range(places.shape[1]):
            place = min(max(places[i, j], lowest), highest)
            k = min(np.int32((place - lowest) * steps), last)
            out[i, j] = max(rises[k] * place + starts[k], np.float32(least))
    return out


@compiled
def _mean_difference(one: Floats, two: Floats, sigma: Floats) -> float:
    """The mean of what two pictures `(H, W)` differ by, in sigmas."""
    sums = np.zeros(one.shape[1], np.float32)
    for i in range(one.shape[0]):
        for j in range(one.shape[1]):
            sums[j] += abs(one[i, j] - two[i, j]) / sigma[i, j]
    total = 0.0
    for j in range(len(sums)):
        total += sums[j]
    return total / one.size
