"""What the painter learns: photographs with holes in them, grainy around the holes and clean beneath.

Holes are of the shapes that lie on film: specks, hairs, scratches, blotches, the real ones it is given; and patches, as
masked autoencoders learn from. The grain it sees is never asked of it, so that grain does not lead it.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.damage.graining import clumped
from restorers.networks.painter import GAMMA, Painter
from restorers.training.loop import Batch, Lesson
from restorers.training.photographs import Photograph, parted

Mask = NDArray[np.bool_]
Hole = Callable[[np.random.Generator, int], Mask]

SIZE = 64  # pixels a side, a multiple of the painter's block
SHOWN = 12  # pictures a batch
LARGE = 96
SHOWN_LARGE = 5
SLACK = 0.01  # of brightness: smaller errors count by their square
MOST = 0.35  # share of a picture that may be hidden: more than film ever loses, as there is more to learn
TRIES = 8  # times that something more is laid on a picture
GRAY = 0.3  # share of the pictures shown in black and white
BEGINNING = 1000  # steps in which it is shown fine grain only
FINE, COARSE = 0.04, 0.09  # largest sigma of grain, in density


class Painting(Lesson[Painter]):
    """Holes in photographs, to be filled."""

    def __init__(
        self, photographs: Sequence[Photograph], shapes: Sequence[Mask], *, kept_back: int, width: int, depth: int
    ) -> None:
        """A lesson from photographs.

        Args:
            photographs: 8-bit sRGB, `(h, w, 3)`, at least 96 pixels high and wide.
            shapes: real shapes of damage, bool `(h, w)`, seen as large as they are and down to a quarter.
            kept_back: how many of the photographs, spread evenly, are only for validation.
            width: of the painter.
            depth: of the painter.

        Raises:
            ValueError: too few photographs, or too small ones.
        """
        self.shown, self.kept_back = parted(photographs, kept_back, least=LARGE, learner="a painter")
        self.shapes = tuple(shapes)
        self.width, self.depth = width, depth

    def network(self) -> Painter:
        """The painter, which begins by filling its holes smoothly."""
        return Painter(width=self.width, depth=self.depth)

    def batch(self, step: int) -> Batch:
        """Grainy brightness `(N, 3, S, S)`, where it is known `(N, 1, S, S)`, and the brightness without grain."""
        chance = np.random.default_rng((1, step))
        large = step % 4 == 3
        size, count = (LARGE, SHOWN_LARGE) if large else (SIZE, SHOWN)
        clean = np.stack([_view(chance, self.shown, size) for _ in range(count)])
        known = np.stack([~self._hidden(chance, size, large=large) for _ in range(count)])[:, None]
        most = FINE if step < BEGINNING else COARSE
        grainy = np.stack([_grained(chance, picture, most) for picture in clean])
        return torch.from_numpy(grainy), torch.from_numpy(known.astype(np.float32)), torch.from_numpy(clean)

    def loss(self, network: Painter, batch: Batch) -> Tensor:
        """Mean error in the holes and of the differences from pixel to pixel there, by Charbonnier's measure."""
        grainy, known, clean = batch
        hole = 1 - known
        painted: Tensor = network(grainy, known)
        error = (painted - clean) * hole
        slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        values = ((error.square() + SLACK**2).sqrt() - SLACK).mean()
        return (values + 0.2 * slopes) / hole.mean().clamp_min(1e-3)

    def scores(self, network: Painter) -> dict[str, float]:
        """PSNR in the holes of the photographs kept back, grain-free, in dB of brightness: by kind of hole."""
        painters = {"painted": network, "smooth": self.network().eval()}
        found: dict[str, float] = {}
        for kind, (hole, size) in KINDS.items():
            trials = [_trial(picture, number, hole, size) for number, picture in enumerate(self.kept_back)]
            for label, painter in painters.items():
                errors = [_error(painter, trial) for trial in trials]
                found[f"{kind}, {label}, dB"] = round(float(-10 * np.log10(np.mean(errors))), 2)
        return found

    def _hidden(self, chance: np.random.Generator, size: int, *, large: bool) -> Mask:
        kinds = [specks, specks, hairs, scratches, patches, *([self._real] if self.shapes else [])]
        mask = blotch(chance, size) if large else np.zeros((size, size), bool)
        share = chance.uniform(0.05, MOST)
        for _ in range(TRIES):
            if mask.mean() >= share:
                break
            more = mask | kinds[int(chance.integers(len(kinds)))](chance, size)
            mask = more if more.mean() <= MOST else mask
        return mask

    def _real(self, chance: np.random.Generator, size: int) -> Mask:
        shape = self.shapes[int(chance.integers(len(self.shapes)))]
        reduced = chance.uniform(0.25, 1)
        there = cv2.resize(shape.astype(np.float32), None, fx=reduced, fy=reduced, interpolation=cv2.INTER_AREA) > 0.3
        points = np.argwhere(there)
        mask = np.zeros((size, size), bool)
        if len(points):
            y, x = points[int(chance.integers(len(points)))] - chance.integers(size // 4, 3 * size // 4, 2)
            padded = np.pad(there, size)
            mask = padded[y + size : y + 2 * size, x + size : x + 2 * size]
        return np.asarray(_turned(chance, mask))


def specks(chance: np.random.Generator, size: int) -> Mask:
    """One to six specks, 3 to 12 pixels large."""
    mask = np.zeros((size, size), np.uint8)
    for _ in range(int(chance.integers(1, 7))):
        _blob(chance, mask, chance.uniform(1.5, 6))
    return np.asarray(mask > 0)


def blotch(chance: np.random.Generator, size: int) -> Mask:
    """One blotch, 15 to 40 pixels large, near the middle."""
    mask = np.zeros((size, size), np.uint8)
    _blob(chance, mask, chance.uniform(7.5, 20), center=size / 2 + chance.uniform(-10, 10, 2))
    return np.asarray(mask > 0)


def hairs(chance: np.random.Generator, size: int) -> Mask:
    """One or two bent hairs, 1 to 3 pixels wide."""
    mask = np.zeros((size, size), np.uint8)
    for _ in range(int(chance.integers(1, 3))):
        heading = np.cumsum(chance.normal(0, 0.12, 40)) + chance.uniform(0, 2 * np.pi)
        heading += chance.normal(0, 1.2) * np.linspace(-1, 1, 40)
        steps = np.stack([np.cos(heading), np.sin(heading)], 1) * chance.uniform(0.4, 1.2)
        line = np.cumsum(steps, 0) + chance.uniform(0.2, 0.8, 2) * size
        cv2.polylines(mask, [np.rint(line).astype(np.int32)], False, (255,), int(chance.integers(1, 4)))
    return np.asarray(mask > 0)


def scratches(chance: np.random.Generator, size: int) -> Mask:
    """One or two scratches that run through the picture, 2 to 4 pixels wide, upright or nearly so."""
    mask = np.zeros((size, size), np.uint8)
    for _ in range(int(chance.integers(1, 3))):
        x, slant = chance.uniform(0.15, 0.85) * size, chance.normal(0, 0.1) * size
        ends = (round(x - slant), 0), (round(x + slant), size - 1)
        cv2.line(mask, *ends, (255,), int(chance.integers(2, 5)))
    return np.asarray(mask > 0)


def patches(chance: np.random.Generator, size: int) -> Mask:
    """A share of the picture's patches, 4 to 8 pixels a side."""
    side = int(chance.choice([4, 8]))
    hidden = chance.random((size // side, size // side)) < chance.uniform(0.05, 0.3)
    return np.asarray(np.kron(hidden, np.ones((side, side), bool)))


KINDS: dict[str, tuple[Hole, int]] = {
    "dust": (specks, SIZE),
    "hair": (hairs, SIZE),
    "scratch": (scratches, SIZE),
    "blotch": (blotch, LARGE),
}
"""Kinds of holes as they are validated, with the size of the picture shown."""


def _trial(picture: Photograph, number: int, hole: Hole, size: int) -> Batch:
    """A batch of one picture that is always the same."""
    chance = np.random.default_rng((2, number))
    clean = _view(chance, [picture], size)
    mask = hole(chance, size)
    known = torch.from_numpy(~mask)[None, None].float()
    return torch.from_numpy(_grained(chance, clean, COARSE))[None], known, torch.from_numpy(clean)[None]


def _error(painter: Painter, trial: Batch) -> float:
    grainy, known, clean = trial
    with torch.inference_mode():
        painted = painter(grainy, known)
    return float((painted - clean).square()[(known == 0).expand_as(clean)].mean())


def _blob(
    chance: np.random.Generator, mask: NDArray[np.uint8], radius: float, center: NDArray[np.float64] | None = None
) -> None:
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    outline = 1 + sum(0.3 / k * chance.standard_normal() * np.cos(k * angle + chance.uniform(0, 7)) for k in (2, 3, 4))
    stretch = np.exp(0.25 * chance.standard_normal())
    points = np.stack([np.cos(angle) * stretch, np.sin(angle) / stretch], 1)
    points *= (np.clip(outline, 0.4, 1.6) * radius)[:, None]
    points += chance.uniform(0.1, 0.9, 2) * mask.shape[0] if center is None else center
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (255,))


def _view(chance: np.random.Generator, pictures: Sequence[Photograph], size: int) -> NDArray[np.float32]:
    """The brightness `(3, size, size)` of a part of a photograph, now and then reduced, turned, graded."""
    picture = pictures[int(chance.integers(len(pictures)))]
    least = size / min(picture.shape[:2])
    reduced = max(least, chance.uniform(0.5, 1)) if chance.random() < 0.6 else 1.0
    span = min(round(size / reduced), *picture.shape[:2])
    y, x = (int(chance.integers(length - span + 1)) for length in picture.shape[:2])
    part = picture[y : y + span, x : x + span].astype(np.float32) / 255
    if span != size:
        part = np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    if chance.random() < GRAY:
        part = np.repeat(part.mean(2, keepdims=True), 3, 2)
    graded = np.power(np.clip(part, 0, 1), np.float32(np.exp(chance.normal(0, 0.2)))) * np.float32(0.93) + 0.04
    return np.ascontiguousarray(_turned(chance, graded).transpose(2, 0, 1), np.float32)


def _turned(chance: np.random.Generator, picture: NDArray[np.generic]) -> NDArray[np.generic]:
    turned = np.rot90(picture, int(chance.integers(4)))
    return turned[:, ::-1] if chance.random() < 0.5 else turned


def _grained(chance: np.random.Generator, picture: NDArray[np.float32], most: float) -> NDArray[np.float32]:
    """The picture `(3, h, w)`, brightness, with grain of a strength and a size of its own."""
    sigma = np.float32(chance.uniform(0, most)) if chance.random() < 0.85 else np.float32(0)
    white = chance.standard_normal((4, *picture.shape[1:]), dtype=np.float32)
    common = np.float32(chance.uniform(0.3, 1))
    grain = clumped(np.sqrt(common) * white[3] + np.sqrt(1 - common) * white[:3], chance.uniform(0.3, 1.1))
    return np.asarray(picture * np.power(np.float32(10), np.float32(-GAMMA) * sigma * grain), np.float32)
