"""What maps that come with a scan tell of its blemishes: infrared light, and what a person marked by hand.

Dyes let infrared light through and dirt stops it, so that a scanner's infrared picture of color film shows dirt and
scratches alone: Edgar, *System and method for image recovery*, US patent 5,266,805, 1993. A little of the picture may
shine through; how much is told from the shot and taken off. Silver and some older color dyes stop infrared light like
any other: a map that shows the picture itself is refused.
"""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.found import Found, Polarity, joined, kind_of
from restorers.cleaning.neighbors import Box, Mask, grown
from restorers.cleaning.shelf import Shelf
from restorers.detail.grain import Floats
from restorers.render import Companion, Footage
from restorers.restorer import RestorationError

SAMPLE = 6  # frames
COARSE = 8  # pixels: dirt has little weight in means over so many squared
OPAQUE = 0.2  # of the visible density that shows in infrared
ALIKE = 0.5  # correlation of infrared and visible density
DARKEST = 1e-3
SURE, SURE_DENSITY = 8.0, 0.1  # sigmas of the map's own noise, and density: less than four fifths of the light pass
FAINT, FAINT_DENSITY = 4.0, 0.03
CLEAR = 0.9  # of the coarse steps: dirt is taken to make the others
LEAST = 4  # pixels of faint dirt
VISIBLE = 3.0  # sigmas of grain by which faint dirt is seen in the picture, too
AROUND = 9  # pixels
MARKED = 0.5  # of white


@dataclass(frozen=True)
class Infrared:
    """The infrared maps of a shot.

    Attributes:
        maps: one for each frame.
        through: how much of the visible density shows in them.
    """

    maps: Companion
    through: float

    @classmethod
    def of(cls, footage: Footage) -> Self | None:
        """The infrared maps that come with a shot; None where none do.

        Raises:
            RestorationError: they show the picture itself: the film is opaque to infrared light.
        """
        if footage.infrared is None:
            return None
        maps, pairs = cls(footage.infrared, 0.0), []
        for clip in footage.sample(SAMPLE):
            plane = maps.plane(footage, clip.first)
            gray = np.ascontiguousarray(clip.frames[0].mean(0).cpu().numpy())
            pairs.append(np.stack([_steps(gray), _steps(_density(plane))]))
        visible, infrared = np.concatenate(pairs, 1)
        clear = np.abs(infrared) <= np.quantile(np.abs(infrared), CLEAR)
        visible, infrared = visible[clear], infrared[clear]
        spread = float(visible @ visible)
        slope = float(visible @ infrared) / spread if spread > 0 else 0.0
        alike = slope * float(np.sqrt(spread / max(float(infrared @ infrared), 1e-12)))
        if alike > ALIKE and slope > OPAQUE:
            raise RestorationError(
                f"the infrared maps of frames {footage.first}-{footage.stop - 1} show the picture itself (correlation "
                f"{alike:.2f}, {slope:.0%} of its density): silver and Kodachrome film stops infrared light like any "
                "other; take 'infrared' out of the manifest's scan"
            )
        return cls(footage.infrared, max(slope, 0.0))

    def plane(self, footage: Footage, number: int) -> Floats:
        """The map of a frame as opened, `(H, W)`, 0 to 1.

        Raises:
            RestorationError: it has none, but others have.
        """
        plane = footage.beside(self.maps, number)
        if plane is None:
            raise RestorationError(f"frame {number} has no infrared map, but its reel has some")
        return plane

    def found(self, plane: Floats, gray: Floats, sigma: Floats, *, max_area: int) -> list[Found]:
        """What stops infrared light on a frame: surely, or faintly where the picture shows it as well.

        Args:
            plane: infrared light `(H, W)`, 0 to 1.
            gray: mean density of the frame's channels, `(H, W)`.
            sigma: of the grain in it, `(H, W)`.
            max_area: pixels beyond which it is taken for something else, such as a splice.
        """
        stopped = _density(plane) - self.through * gray
        stopped -= _level(stopped)
        thinned = stopped[::4, ::4]
        noise = float(1.4826 * np.median(np.abs(thinned - np.median(thinned))))
        wide = stopped > max(FAINT * noise, FAINT_DENSITY)
        sure = stopped > max(SURE * noise, SURE_DENSITY)
        apart = np.abs(gray - _level(gray, AROUND)) > VISIBLE * sigma
        found = []
        for box, mask in _pieces(wide):
            here = slice(box[0], box[2]), slice(box[1], box[3])
            certain = bool(sure[here][mask].any())
            area, agreed = int(mask.sum()), int(apart[here][mask].sum())
            if area > max_area or (not certain and (area < LEAST or 2 * agreed < area)):
                continue
            found.append(_told(box, mask, gray, sigma, confidence=0.99 if certain else 0.9))
        return found


@dataclass(frozen=True)
class Maps:
    """Every map that comes with a shot."""

    footage: Footage
    infrared: Infrared | None

    @classmethod
    def of(cls, footage: Footage) -> Self:
        """The maps of a shot.

        Raises:
            RestorationError: its infrared maps show the picture itself.
        """
        return cls(footage, Infrared.of(footage))

    def told(self, shelf: Shelf, max_area: int, number: int) -> list[Found]:
        """What the maps of a frame tell; what infrared light alone tells is no larger than `max_area` pixels.

        Raises:
            RestorationError: the frame has no infrared map, but others have.
        """
        told: list[Found] = []
        if self.infrared is not None:
            plane = self.infrared.plane(self.footage, number)
            told = self.infrared.found(plane, shelf.gray(number), shelf.sigma(number), max_area=max_area)
        mask = None if self.footage.masks is None else self.footage.beside(self.footage.masks, number)
        return told if mask is None else joined(told, marked(mask, shelf.gray(number), shelf.sigma(number)))


def marked(plane: Floats, gray: Floats, sigma: Floats) -> list[Found]:
    """What a person marked on a frame, whatever it looks like.

    Args:
        plane: the mask `(H, W)`, 0 to 1; white is marked.
        gray: mean density of the frame's channels, `(H, W)`.
        sigma: of the grain in it, `(H, W)`.
    """
    pieces = _pieces(plane >= MARKED)
    return [replace(_told(box, mask, gray, sigma, confidence=1.0), kind="marked") for box, mask in pieces]


def _density(plane: Floats) -> Floats:
    return np.asarray(-np.log10(np.maximum(plane, DARKEST)), np.float32)


def _steps(picture: Floats) -> NDArray[np.float64]:
    """How a coarse picture goes up and down, from pixel to pixel: uneven light hardly shows in it."""
    height, width = (max(length // COARSE, 1) for length in picture.shape)
    coarse = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.concatenate([np.diff(coarse, axis=axis).ravel() for axis in (0, 1)])


def _level(picture: Floats, reach: int = 2 * COARSE) -> Floats:
    """What is usual around each pixel: the median of coarse means, so that a speck does not raise it."""
    height, width = (max(round(2 * length / reach), 1) for length in picture.shape)
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    calm = cv2.medianBlur(np.ascontiguousarray(small), 5)
    full = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(calm, full, interpolation=cv2.INTER_LINEAR), np.float32)


def _pieces(mask: Mask) -> list[tuple[Box, Mask]]:
    """The box of each piece of a mask that hangs together, and the piece in it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    pieces = []
    for label in range(1, count):
        left, top, width, height, _ = (int(value) for value in stats[label])
        box = (top, left, top + height, left + width)
        pieces.append((box, labels[top : top + height, left : left + width] == label))
    return pieces


def _told(box: Box, mask: Mask, gray: Floats, sigma: Floats, *, confidence: float) -> Found:
    """A piece of a map as a blemish: how far, and to which side, it stands out from what is around it."""
    top, left = max(box[0] - 5, 0), max(box[1] - 5, 0)
    here = slice(top, box[2] + 5), slice(left, box[3] + 5)
    inside = np.zeros(gray[here].shape, bool)
    inside[box[0] - top : box[2] - top, box[1] - left : box[3] - left] = mask
    ring = grown(inside, 4) & ~grown(inside, 1)
    usual = float(np.median(gray[here][ring])) if ring.any() else float(np.median(gray[here]))
    apart = (gray[here] - usual)[inside]
    contrast = float(np.abs(apart).max() / np.median(sigma[here][inside]))
    polarity: Polarity = "dark" if float(np.median(apart)) >= 0 else "bright"
    return Found(box, mask, polarity, contrast, confidence, kind_of(mask, contrast, gray.shape[0]))
