"""What the enhancer learns: photographs as lenses, film, sensors and codecs leave them, and as they were.

Every second batch shows each thing twice, a little moved and with other noise: what is said of both must be the same
to the difference of their truths, or the picture would flicker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.detail.grain import Floats
from restorers.networks.enhancer import Condition, Enhancer, drawn, larger, luma_chroma, told
from restorers.training.degradation import (
    COARSEST_QUANTIZER,
    EDGE,
    FINEST_QUANTIZER,
    Coder,
    Mishap,
    Scanned,
    diffracted,
    noised,
    reduced,
    scanned,
)
from restorers.training.loop import Batch, Lesson
from restorers.training.photographs import Photograph, parted

SHOWN = 16  # pictures a batch
SCALES = (2, 2, 4, 4, 2, 2, 1, 1)  # batch after batch: of each scale, one shows things once, one twice
SIZES = {1: 64, 2: 64, 4: 48}  # pixels a side of what is shown
FILMED = 0.2  # share of pictures that were coded as films
FILMS = 320
FRAMES = 6
STRAY = 3  # pixels of the small picture that two views of a thing are apart, at most
GRAY = 0.2  # share of the pictures in black and white
SLACK = 2e-4
"""Squared brightness below which errors count less and less: 37 dB. Else flat and all but clean pictures, whose errors
are tiny, are all that is learned of (measured after 800 steps, x2 clean, x2 heavy, x1 grainy, in dB over bicubic: 0.62,
0.01, 0.09 with 2e-5; 0.68, 0.70, 1.86 with this)."""
CHROMA = 0.4  # weight of chroma
STEADY = 0.1  # weight of two views' difference
JITTER = 0.15  # by which a measured condition is off
RIM = 4  # pixels that are not judged, as they lack what is beside them


@dataclass(frozen=True, eq=False)
class Film:
    """Two neighboring frames of a film that was really coded.

    Attributes:
        frames: as decoded, 8-bit, `(2, h, w, 3)`.
        photograph: number of the one it was filmed from.
        offsets: where on it the frames' corners lay, pixels.
        scale: how many times smaller it was filmed.
        coding: root mean square of what coding changed, brightness.
        noise: standard deviation of its noise before it was coded, `(2, h, w)`; None where there was none.
    """

    frames: NDArray[np.uint8]
    photograph: int
    offsets: tuple[tuple[int, int], tuple[int, int]]
    scale: int
    coding: float
    noise: NDArray[np.float16] | None


@dataclass(frozen=True, eq=False)
class View:
    """A picture shown, and the one asked for.

    Attributes:
        seen: as it comes from the scanner.
        truth: brightness, so many times larger, `(scale h, scale w, 3)`.
        blur: radius, pixels of the small picture.
        shift: how far it lies from the first view of the same thing, pixels of the large one.
    """

    seen: Scanned
    truth: Floats
    blur: float
    shift: tuple[int, int] = (0, 0)


class Enhancing(Lesson[Enhancer]):
    """Pictures to be freed of what ails them, and enlarged."""

    scales: tuple[int, ...] = SCALES

    def __init__(
        self,
        photographs: Sequence[Photograph],
        *,
        kept_back: int,
        width: int,
        depth: int,
        coder: Coder | None = None,
        grainy: float = 0.0,
    ) -> None:
        """A lesson from photographs.

        Args:
            photographs: 8-bit sRGB, `(h, w, 3)`, at least 256 pixels high and wide.
            kept_back: how many of the photographs, spread evenly, are only for validation.
            width: of the enhancer.
            depth: of the enhancer.
            coder: runs a codec on frames; nothing is coded as film where there is none.
            grainy: share of the films that were grainy before they were coded.

        Raises:
            ValueError: too few photographs, or too small ones.
        """
        least = max(scale * (size + 2 * EDGE) for scale, size in SIZES.items())
        self.shown, self.kept_back = parted(photographs, kept_back, least=least, learner="an enhancer")
        self.width, self.depth, self.coder, self.grainy = width, depth, coder, grainy

    def network(self) -> Enhancer:
        """The enhancer, which begins as a bicubic enlargement."""
        return Enhancer(width=self.width, depth=self.depth)

    def prepared(self) -> None:
        """Film the films."""
        _ = self.films

    def body(self, network: Enhancer) -> Iterable[torch.nn.Parameter]:
        """The convolutions of the residual blocks."""
        return (each for each in network.body.parameters() if each.ndim > 1)

    def batch(self, step: int) -> Batch:
        """Planes as told, luma and chroma shown and asked for, and how far apart each two views are."""
        chance = np.random.default_rng((3, step))
        views = self.views(chance, self.scales[step % len(self.scales)], 1 + step % 2)
        conditions = [_measured(chance, view) for view in views]
        shown = luma_chroma(stacked(view.seen.picture for view in views))
        planes = torch.cat([told(one[None], condition) for one, condition in zip(shown, conditions, strict=True)])
        truths = luma_chroma(stacked(view.truth for view in views))
        return planes, shown, truths, torch.tensor([view.shift for view in views])

    def views(self, chance: np.random.Generator, scale: int, count: int) -> list[View]:
        """Pictures of a batch, so many of each thing, to be enlarged by a scale."""
        views: list[View] = []
        while len(views) < SHOWN:
            filmed = self.coder is not None and chance.random() < FILMED
            views += (self._filmed if filmed else self._photographed)(chance, scale, count)
        return views

    def mishap(self, chance: np.random.Generator) -> Mishap:
        """What happens to a picture."""
        return Mishap.drawn(chance)

    def loss(self, network: Enhancer, batch: Batch) -> Tensor:
        """By how much errors of luma and chroma are smaller than a bicubic enlargement's, in powers of e.

        Each picture counts for the share of its error that is taken off, as in PSNR: else the noisy ones, whose errors
        are large whatever is done, leave nothing to be learned of clean ones. Beside it, by how much the errors of two
        views of one thing differ, in shares of the enlargement's.
        """
        return unlikeness(self.made(network, batch), batch)

    def made(self, network: Enhancer, batch: Batch) -> Tensor:
        """What a network makes of a batch, `(N, 3, H, W)`, luma and chroma."""
        planes, shown, truths, _ = batch
        scale = truths.shape[-1] // shown.shape[-1]
        with torch.autocast(planes.device.type, torch.bfloat16):
            said = network(planes.contiguous(memory_format=torch.channels_last), scale)
        return self.drawn(shown, said.float(), scale)

    def drawn(self, shown: Tensor, said: Tensor, scale: int) -> Tensor:
        """The pictures `(N, 3, scale H, scale W)` that a network's words make of those shown, luma and chroma."""
        return drawn(shown, said, scale)

    def scores(self, network: Enhancer) -> dict[str, float]:
        """PSNR of luma in dB on the photographs kept back, with the bicubic enlargement's beside it."""
        found: dict[str, float] = {}
        for label, (scale, mishap) in TRIALS.items():
            errors: dict[str, list[float]] = {"enhanced": [], "bicubic": []}
            for number, picture in enumerate(self.kept_back):
                for method, error in _tried(network, picture, number, scale, mishap).items():
                    errors[method].append(error)
            found |= {
                f"{label}, {method}, dB": round(float(np.mean(-10 * np.log10(values))), 2)
                for method, values in errors.items()
            }
        return found

    @cached_property
    def films(self) -> dict[int, list[Film]]:
        """Films coded with real codecs, by scale; filmed from the photographs by a moving camera."""
        films: dict[int, list[Film]] = {scale: [] for scale in SIZES}
        for number in range(FILMS if self.coder else 0):
            film = self._coded(np.random.default_rng((4, number)), SCALES[number % len(SCALES)])
            films[film.scale].append(film)
        return films

    def _photographed(self, chance: np.random.Generator, scale: int, count: int) -> list[View]:
        span, stray = scale * (SIZES[scale] + 2 * EDGE), STRAY * scale
        mishap = self.mishap(chance)
        ground = _view(chance, self.shown, span, stray)
        spread = mishap.diffracted and mishap.blur > 0
        soft = diffracted(ground, scale * mishap.blur) if spread else ground
        corners = chance.integers(0, len(ground) - span + 1, (count, 2))
        views = []
        for (top, left), (y, x) in zip(corners, corners - corners[0], strict=True):
            there = np.s_[top : top + span, left : left + span]
            inner = np.s_[scale * EDGE : -scale * EDGE, scale * EDGE : -scale * EDGE]
            seen = scanned(chance, reduced(soft[there], scale, 0.0 if spread else mishap.blur), mishap)
            views.append(View(seen, ground[there][inner], mishap.blur, (int(y), int(x))))
        return views

    def _filmed(self, chance: np.random.Generator, scale: int, count: int) -> list[View]:
        films, size = self.films[scale], SIZES[scale]
        film = films[int(chance.integers(len(films)))]
        height, width = film.frames.shape[1:3]
        top, left = int(chance.integers(height - size + 1)), int(chance.integers(width - size + 1))
        first, views = film.offsets[0], []
        for index, (frame, (y, x)) in enumerate(zip(film.frames[:count], film.offsets, strict=False)):
            under, right = y + scale * top, x + scale * left
            seen = frame[top : top + size, left : left + size]
            truth = self.shown[film.photograph][under : under + scale * size, right : right + scale * size]
            noise = np.zeros((size, size), np.float32)
            if film.noise is not None:
                noise = film.noise[index, top : top + size, left : left + size].astype(np.float32)
            views.append(
                View(Scanned(_light(seen), noise, film.coding), _light(truth), 0.0, (y - first[0], x - first[1]))
            )
        return views

    def _coded(self, chance: np.random.Generator, scale: int) -> Film:
        assert self.coder is not None
        number = int(chance.integers(len(self.shown)))
        picture = self.shown[number]
        slack = STRAY * scale * 2
        height, width = ((side - slack) // (16 * scale) * 16 for side in picture.shape[:2])
        start, speed = chance.integers(0, slack, 2), chance.uniform(-1, 1, 2) * STRAY * scale / 2
        places = [tuple(np.clip(np.rint(start + speed * t), 0, slack).astype(int)) for t in range(FRAMES)]
        frames = np.stack(
            [reduced(_light(picture[y : y + scale * height, x : x + scale * width]), scale) for y, x in places]
        )
        codec = "mpeg2" if chance.random() < 0.25 else "h264"
        quantizer = int(chance.integers(FINEST_QUANTIZER, COARSEST_QUANTIZER + 1))
        noise = None
        if self.grainy and chance.random() < self.grainy:
            grain = Mishap.grain(chance)
            both = [noised(chance, frame, grain) for frame in frames]
            frames, noise = (np.stack(each) for each in zip(*both, strict=True))
        found = np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
        coded = self.coder(found, codec, quantizer)
        first = int(chance.integers(FRAMES - 1))
        kept = slice(first, first + 2)
        error = float(np.sqrt(np.mean(np.square(coded[kept].astype(np.float32) - found[kept]))) / 255)
        one, two = ((int(y), int(x)) for y, x in places[kept])
        kept_noise = None if noise is None else noise[kept].astype(np.float16)
        return Film(coded[kept], number, (one, two), scale, error, kept_noise)


TRIALS: dict[str, tuple[int, Mishap]] = {
    "x2 clean": (2, Mishap(rounded=True)),
    "x4 clean": (4, Mishap(rounded=True)),
    "x2 light": (2, Mishap(blur=0.3, noise=0.01, shape="film", clump=0.6, common=0.5)),
    "x2 heavy": (2, Mishap(blur=0.6, noise=0.07, shape="film", clump=0.8, common=0.5, jpeg=(50,), rounded=True)),
    "x1 grainy": (1, Mishap(noise=0.06, shape="film", clump=0.6, common=0.5)),
    "x1 coded": (1, Mishap(jpeg=(40,), rounded=True)),
    "x1 blurred": (1, Mishap(blur=0.8)),
}
"""What is tried on the photographs kept back: a scale, and what happened to the picture."""


def _tried(network: Enhancer, picture: Photograph, number: int, scale: int, mishap: Mishap) -> dict[str, float]:
    chance = np.random.default_rng((5, number))
    side = min(picture.shape[:2]) // (2 * scale) * 2 * scale
    ground = _light(picture[:side, :side])
    seen = scanned(chance, reduced(ground, scale, mishap.blur), mishap)
    truth = luma_chroma(stacked([ground[scale * EDGE : -scale * EDGE, scale * EDGE : -scale * EDGE]]))
    shown = luma_chroma(stacked([seen.picture]))
    condition = Condition(torch.from_numpy(seen.noise), mishap.blur, seen.coding)
    said = network(told(shown, condition), scale)
    rim = RIM * scale
    return {
        method: float((made - truth)[:, 0, rim:-rim, rim:-rim].square().mean())
        for method, made in (("enhanced", drawn(shown, said, scale)), ("bicubic", larger(shown, scale)))
    }


def _measured(chance: np.random.Generator, view: View) -> Condition:
    """What would be measured of a picture, which is never quite what happened to it."""
    noise, blur, coding = (float(n) for n in np.exp(chance.normal(0, JITTER, 3)))
    return Condition(torch.from_numpy(view.seen.noise) * noise, view.blur * blur, view.seen.coding * coding)


def _view(chance: np.random.Generator, pictures: Sequence[Photograph], span: int, stray: int) -> Floats:
    """A part of a photograph, `span` pixels a side and up to 2 `stray` more, sometimes made smaller, turned, graded."""
    picture = pictures[int(chance.integers(len(pictures)))]
    side = min(span + 2 * stray, *picture.shape[:2])
    largest = min(picture.shape[:2]) / side
    cut = round(side * chance.uniform(1, largest)) if chance.random() < 0.35 else side
    top, left = (int(chance.integers(length - cut + 1)) for length in picture.shape[:2])
    part = _light(picture[top : top + cut, left : left + cut])
    if cut != side:
        part = np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    if chance.random() < GRAY:
        part = np.repeat(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)[..., None], 3, 2).astype(np.float32)
    if chance.random() < 0.3:
        low, high = chance.uniform(0, 0.15), chance.uniform(0.7, 1)
        part = np.asarray(low + (high - low) * np.power(part, np.exp(chance.normal(0, 0.25))), np.float32)
    return _turned(part, int(chance.integers(4)), mirrored=bool(chance.random() < 0.5))


def _turned(picture: Floats, turns: int, *, mirrored: bool) -> Floats:
    turned = np.rot90(picture, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _light(codes: Photograph) -> Floats:
    return np.asarray(codes.astype(np.float32) / 255, np.float32)


def stacked(pictures: Iterable[Floats]) -> Tensor:
    """Pictures `(h, w, 3)` as `(N, 3, h, w)`."""
    return torch.from_numpy(np.stack([picture.transpose(2, 0, 1) for picture in pictures]))


def unlikeness(made: Tensor, batch: Batch) -> Tensor:
    """How far drawn pictures `(N, 3, H, W)` are from those a batch asks for; see `Enhancing.loss`."""
    _, shown, truths, shifts = batch
    scale = truths.shape[-1] // shown.shape[-1]
    error, before = (inner(each - truths, scale) for each in (made, larger(shown, scale)))
    whole = lessened(error[:, 0], before[:, 0]) + CHROMA * lessened(error[:, 1:], before[:, 1:])
    if not bool(shifts.any()):
        return whole
    apart = [
        _apart(error[i, 0], error[i + 1, 0], shifts[i + 1].tolist()).square().mean()
        / (SLACK + before[i : i + 2, 0].square().mean())
        for i in range(0, len(error), 2)
    ]
    return whole + STEADY * torch.stack(apart).mean()


def inner(picture: Tensor, scale: int) -> Tensor:
    """Enlarged pictures without their rims, which are not judged."""
    return picture[..., RIM * scale : -RIM * scale, RIM * scale : -RIM * scale]


def lessened(error: Tensor, before: Tensor) -> Tensor:
    """Mean logarithm of pictures' errors `(N, ...)` in shares of what they were before."""
    now, then = (each.flatten(1).square().mean(1) + SLACK for each in (error, before))
    return 0.5 * torch.log(now / then).mean()


def _apart(one: Tensor, two: Tensor, shift: list[int]) -> Tensor:
    """Difference of two views' errors `(H, W)`, the second one's corner lying `shift` pixels from the first's."""
    y, x = shift
    height, width = one.shape
    first = one[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
    second = two[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)]
    return first - second
