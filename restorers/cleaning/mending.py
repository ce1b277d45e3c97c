"""Mending one blemish: what it hides, taken from the neighbor that fits best, or else from its rim.

The flow under a blemish is filled in from around it, neighbors are brought along it and leveled to the blemish's
surroundings, and one of them lends its pixels as they are: a mean of several would be a patch without grain.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch

from restorers.cleaning.blemishes import HIDDEN, MARGIN, Found, gray_sigma, scatter
from restorers.cleaning.neighbors import Box, Mask, Neighbor, around, beyond, fetched, fitted, grown
from restorers.cleaning.scratches import Lines, Scratch, lines, segments
from restorers.clip import Clip
from restorers.detail.grain import Floats, GrainModel, laid
from restorers.geometry.motion import Flow, Picture, consistency, flow, luma_for_flow
from restorers.restorer import Bench

FITTING = 1.8  # times what grain and slight misregistration explain: how far a donor may be off
DIFFERENCE = 1.128  # mean absolute difference of two grains of sigma 1
REACH = 3  # frames to each side that are looked at
REPEATED = 0.6  # sigmas of grain by which two frames of the same exposure differ at most, on average; two of grain, 1.1
STRANGE = 6.0  # sigmas that no 5 x 5 pixels of it differ by
ROUNDING = 10_000  # OpenCV's fast marching rounds even floats to whole numbers


class Shelf:
    """A window of frames with what is computed of each of them once: gray densities, small pictures, flows."""

    def __init__(self, clip: Clip, model: GrainModel, dirt: Mapping[int, list[Found]] | None = None) -> None:
        self.clip, self.model, self._dirt = clip, model, dirt or {}
        self._dirty: dict[int, Floats] = {}
        self._grays: dict[int, Floats] = {}
        self._sigmas: dict[int, Floats] = {}
        self._repeats: dict[tuple[int, int], bool] = {}
        self._pictures: dict[int, Picture] = {}
        self._flows: dict[tuple[int, int], Flow] = {}
        self._neighbors: dict[tuple[int, int], Neighbor] = {}

    def part(self, number: int, box: Box) -> Floats:
        """A box of a frame, `(h, w, 3)`, density."""
        top, left, bottom, right = box
        return np.ascontiguousarray(self.clip[number][:, top:bottom, left:right].permute(1, 2, 0).cpu().numpy())

    def gray(self, number: int) -> Floats:
        """Mean density of its channels, `(H, W)`."""
        if number not in self._grays:
            self._grays[number] = np.ascontiguousarray(self.clip[number].mean(0).cpu().numpy())
        return self._grays[number]

    def neighbor(self, number: int, distance: int) -> Neighbor:
        """The frame so many frames later (earlier, if negative), as seen from a frame."""
        key = (number, distance)
        if key not in self._neighbors:
            there = self.flow(number, distance)
            astray = consistency(there, self.flow(number + distance, -distance))
            self._neighbors[key] = Neighbor(self.gray(number + distance), there, astray)
        return self._neighbors[key]

    def flow(self, number: int, distance: int) -> Flow:
        """Flow from a frame to the one so many frames later."""
        key = (number, distance)
        if key not in self._flows:
            self._flows[key] = flow(self._picture(number), self._picture(number + distance))
        return self._flows[key]

    def sides(self, number: int) -> tuple[int, int] | None:
        """Distances to the two frames a frame is compared with; none in a shot too short for it."""
        before, after = self._others(number, -1), self._others(number, 1)
        if before and after:
            return before[0], after[0]
        alone = before or after
        return (alone[0], alone[1]) if len(alone) == 2 else None

    def donors(self, number: int) -> list[int]:
        """Distances to the frames that may lend pixels to a frame, the nearest first."""
        return sorted(self._others(number, -1) + self._others(number, 1), key=lambda d: (abs(d), d))

    def repeats(self, one: int, two: int) -> bool:
        """Whether two frames are the same exposure: they differ by less than grain everywhere.

        A transfer to video shows frames twice to make up its speed; such a frame has its dust on it twice.
        """
        key = (min(one, two), max(one, two))
        if key not in self._repeats:
            apart = np.abs(self.gray(one) - self.gray(two)) / self.sigma(one)
            same = float(apart.mean()) < REPEATED and float(cv2.blur(apart, (5, 5)).max()) < STRANGE
            self._repeats[key] = same
        return self._repeats[key]

    def sigma(self, number: int) -> Floats:
        """Sigma of the grain in a frame's gray densities, `(H, W)`."""
        if number not in self._sigmas:
            self._sigmas[number] = gray_sigma(self.model, self.gray(number))
        return self._sigmas[number]

    def dirty(self, number: int) -> Floats:
        """Where dirt is known to lie on a frame, `(H, W)`: 1 there, else 0."""
        if number not in self._dirty:
            there = np.zeros(self.clip.size, np.float32)
            for found in self._dirt.get(number, []):
                top, left, bottom, right = found.box
                there[top:bottom, left:right][found.mask] = 1
            self._dirty[number] = there
        return self._dirty[number]

    def _others(self, number: int, step: int) -> list[int]:
        """Distances to the two nearest other exposures on one side; to plain neighbors where all seem the same."""
        distances = [d for d in range(step, (REACH + 1) * step, step) if number + d in self.clip.numbers]
        other, shown = [], number
        for distance in distances:
            if not self.repeats(shown, number + distance):
                other.append(distance)
                shown = number + distance
        return (other or distances)[:2]

    def lines(self, number: int) -> Lines:
        """What a frame shows of vertical lines."""
        gray = self.gray(number)
        width = gray.shape[1]
        drift = np.zeros(width, np.float32)
        if number + 1 in self.clip.numbers:
            across = np.median(self.flow(number, 1)[..., 0], 0)
            positions = (np.arange(width) + 0.5) * len(across) / width - 0.5
            drift = np.interp(positions, np.arange(len(across)), across).astype(np.float32) * width / len(across)
        return lines(gray, self.sigma(number), drift)

    def scratches(self, number: int, scratched: Sequence[Scratch]) -> list[Found]:
        """The scratches of a frame, in segments."""
        return segments(self.gray(number), self.sigma(number), scratched)

    def _picture(self, number: int) -> Picture:
        if number not in self._pictures:
            self._pictures[number] = luma_for_flow(self.clip[number])
        return self._pictures[number]


def borrowed(shelf: Shelf, number: int, found: Found, *, lasting: bool) -> tuple[Floats, int] | None:
    """The pixels `(area, 3)` under a blemish from the frame that fits best, and its distance; None where none fits.

    A frame with dirt of its own there lends nothing.

    A `lasting` blemish is on the neighbors too, at the same place: they know what is under it only where the picture
    has moved on by more than its width.
    """
    gray = shelf.gray(number)
    crop, mask = _cropped(found, gray.shape)
    hidden, ring = grown(mask, HIDDEN), grown(mask, 5) & ~grown(mask, 1)
    top, left, bottom, right = crop
    here = shelf.part(number, crop)
    calm = np.ascontiguousarray(gray[top:bottom, left:right])
    grain = gray_sigma(shelf.model, calm)
    sigma = float(np.median(grain))
    sign = 1 if found.polarity == "dark" else -1
    offers: list[tuple[int, float, Floats]] = []
    for distance in shelf.donors(number):
        side = shelf.neighbor(number, distance)
        motion, seen, miss = fitted(side, calm, crop, hidden)
        miss /= DIFFERENCE * float(scatter(seen, seen, grain, disagreement=False)[~hidden].mean())
        same_place = lasting and bool((np.abs(motion[mask][:, 0]) < found.box[3] - found.box[1]).any())
        if miss > FITTING or same_place or beyond(motion, crop, gray.shape)[mask].any():
            continue
        if fetched(shelf.dirty(number + distance), motion, crop, cv2.INTER_LINEAR)[mask].any():
            continue
        there = _along(shelf, number + distance, motion, crop)
        there = there + np.median((here - there)[ring], 0)
        if float(np.quantile(sign * (here - there).mean(2)[mask], 0.75)) > sigma:
            offers.append((distance, miss, there[mask]))
    if not offers:
        return None
    middle = np.median(np.stack([values.mean(1) for _, _, values in offers]), 0)
    apart = [float(np.abs(values.mean(1) - middle).mean()) / (sigma * DIFFERENCE) for _, _, values in offers]
    scores = [miss + max(alone - 1.2, 0) for (_, miss, _), alone in zip(offers, apart, strict=True)]
    best = int(np.argmin(scores))
    distance, _, values = offers[best]
    return np.asarray(values, np.float32), distance


def interpolated(shelf: Shelf, number: int, found: Found, bench: Bench) -> Floats:
    """The pixels `(area, 3)` under a blemish from its rim, with fresh grain.

    Telea, *An Image Inpainting Technique Based on the Fast Marching Method*, 2004. doi:10.1080/10867651.2004.10487596
    """
    crop, mask = _cropped(found, shelf.gray(number).shape)
    here = shelf.part(number, crop)
    hole = mask.astype(np.uint8)
    smooth = cv2.GaussianBlur(here, (0, 0), 0.8) * ROUNDING
    filled = np.stack([cv2.inpaint(np.ascontiguousarray(smooth[..., c]), hole, 3, cv2.INPAINT_TELEA) for c in range(3)])
    filled = filled.transpose(1, 2, 0) / ROUNDING
    picture = torch.from_numpy(np.ascontiguousarray(filled.transpose(2, 0, 1)))
    fresh = laid(shelf.model, picture, number, bench, place=found.box).numpy().transpose(1, 2, 0)
    return np.asarray((filled + fresh)[mask], np.float32)


def _along(shelf: Shelf, number: int, motion: Floats, box: Box) -> Floats:
    """What a frame shows along a motion given for a box of another, `(h, w, 3)`."""
    reach = int(np.ceil(np.abs(motion).max())) + 6
    top, left, _, _ = wide = around(box, reach, shelf.clip.size)
    inside = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
    return fetched(shelf.part(number, wide), motion, inside, cv2.INTER_LANCZOS4)


def _cropped(found: Found, size: tuple[int, ...]) -> tuple[Box, Mask]:
    crop = around(found.box, MARGIN, (size[0], size[1]))
    mask = np.zeros((crop[2] - crop[0], crop[3] - crop[1]), bool)
    top, left, bottom, right = found.box
    mask[top - crop[0] : bottom - crop[0], left - crop[1] : right - crop[1]] = found.mask
    return crop, mask
