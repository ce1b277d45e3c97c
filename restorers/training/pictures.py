"""The pictures that networks learn from: photographs and title cards, as lenses, film, sensors and codecs leave them,
and as they were.

A thing is shown once, or twice: a little moved and with other noise.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.detail.grain import Floats
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
from restorers.training.photographs import Photograph
from restorers.training.titles import title

SHOWN = 16  # pictures a batch
SCALES = (2, 2, 4, 4, 2, 2, 1, 1)  # batch after batch: of each scale, one shows things once, one twice
SIZES = {1: 64, 2: 64, 4: 48}  # pixels a side of what is shown
LEAST = max(scale * (size + 2 * EDGE) for scale, size in SIZES.items())  # pixels a side of a photograph
FILMED = 0.2  # share of pictures that were coded as films
FILMS = 320
FRAMES = 6
GRAINY = 0.6  # share of the films that were grainy before they were coded
SOFT = 0.4  # share of the films of a soft world, as most films look at their pixels: nothing of that is to be undone
SOFTEST = 1.5  # pixels of the film: radius of its blur at most
STRAY = 3  # pixels of the small picture that two views of a thing are apart, at most
TITLED = 0.06  # share that are title cards: even grounds, which no codec made even
GRAY = 0.08  # share of the pictures in black and white
PLAIN = 0.8
"""Share in black and white of those whose noise has no color, as black-and-white film's: were color pictures shown with
such noise as often, noise of luma would no longer tell that of chroma."""


@dataclass(frozen=True, eq=False)
class Film:
    """Two neighboring frames of a film that was really coded.

    Attributes:
        frames: as decoded, 8-bit, `(2, h, w, 3)`.
        ground: the photograph that it was filmed from, or a soft one of it, 8-bit sRGB.
        offsets: where on it the frames' corners lay, pixels.
        scale: how many times smaller it was filmed.
        coding: root mean square of what coding changed, brightness.
        noise: standard deviation of its noise before it was coded, `(2, h, w)`; None where there was none.
    """

    frames: NDArray[np.uint8]
    ground: Photograph
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


class Pictures:
    """Views of photographs, or of films of them, as something befell them."""

    def __init__(
        self,
        photographs: Sequence[Photograph],
        *,
        coder: Coder | None = None,
        mishap: Callable[[np.random.Generator], Mishap] = Mishap.drawn,
    ) -> None:
        """Pictures of photographs.

        Args:
            photographs: 8-bit sRGB, `(h, w, 3)`, at least `LEAST` pixels high and wide.
            coder: runs a codec on frames; nothing is coded as film where there is none.
            mishap: draws what befalls a picture that is not filmed.
        """
        self.photographs, self.coder, self.mishap = photographs, coder, mishap

    def views(self, chance: np.random.Generator, scale: int, count: int) -> list[View]:
        """Pictures of a batch, so many of each thing, to be enlarged by a scale."""
        views: list[View] = []
        while len(views) < SHOWN:
            filmed = self.coder is not None and chance.random() < FILMED
            views += (self._filmed if filmed else self._photographed)(chance, scale, count)
        return views

    @cached_property
    def films(self) -> dict[int, list[Film]]:
        """Films coded with real codecs, by scale; filmed from the photographs by a moving camera."""
        films: dict[int, list[Film]] = {scale: [] for scale in SIZES}
        if self.coder is None:
            return films
        for number in range(FILMS):
            film = self._coded(self.coder, np.random.default_rng((4, number)), SCALES[number % len(SCALES)])
            films[film.scale].append(film)
        return films

    def _photographed(self, chance: np.random.Generator, scale: int, count: int) -> list[View]:
        span, stray = scale * (SIZES[scale] + 2 * EDGE), STRAY * scale
        mishap = self.mishap(chance)
        ground = _view(chance, self._picture(chance, mishap), span, stray)
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
            truth = film.ground[under : under + scale * size, right : right + scale * size]
            noise = np.zeros((size, size), np.float32)
            if film.noise is not None:
                noise = film.noise[index, top : top + size, left : left + size].astype(np.float32)
            views.append(
                View(Scanned(light(seen), noise, film.coding), light(truth), 0.0, (y - first[0], x - first[1]))
            )
        return views

    def _picture(self, chance: np.random.Generator, mishap: Mishap) -> Photograph:
        """A photograph that something befalls, or a title card of its size; in black and white, as film is."""
        picture = self.photographs[int(chance.integers(len(self.photographs)))]
        if chance.random() < TITLED:
            picture = title(chance, *picture.shape[:2])
        if chance.random() < (PLAIN if mishap.noise and mishap.common == 1 else GRAY):
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2).astype(np.uint8)
        return picture

    def _coded(self, coder: Coder, chance: np.random.Generator, scale: int) -> Film:
        grain = Mishap.grain(chance) if chance.random() < GRAINY else Mishap()
        picture = self._picture(chance, grain)
        if chance.random() < SOFT:
            radius = float(chance.uniform(0.3, SOFTEST)) * scale
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), radius), np.uint8)
        slack = STRAY * scale * 2
        height, width = ((side - slack) // (16 * scale) * 16 for side in picture.shape[:2])
        start, speed = chance.integers(0, slack, 2), chance.uniform(-1, 1, 2) * STRAY * scale / 2
        places = [tuple(np.clip(np.rint(start + speed * t), 0, slack).astype(int)) for t in range(FRAMES)]
        frames = np.stack(
            [reduced(light(picture[y : y + scale * height, x : x + scale * width]), scale) for y, x in places]
        )
        codec = "mpeg2" if chance.random() < 0.25 else "h264"
        quantizer = int(chance.integers(FINEST_QUANTIZER, COARSEST_QUANTIZER + 1))
        noise = None
        if grain.noise:
            both = [noised(chance, frame, grain) for frame in frames]
            frames, noise = (np.stack(each) for each in zip(*both, strict=True))
        found = np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
        coded = coder(found, codec, quantizer)
        first = int(chance.integers(FRAMES - 1))
        kept = slice(first, first + 2)
        error = float(np.sqrt(np.mean(np.square(coded[kept].astype(np.float32) - found[kept]))) / 255)
        one, two = ((int(y), int(x)) for y, x in places[kept])
        kept_noise = None if noise is None else noise[kept].astype(np.float16)
        return Film(coded[kept], picture, (one, two), scale, error, kept_noise)


def _view(chance: np.random.Generator, picture: Photograph, span: int, stray: int) -> Floats:
    """A part of a picture, `span` pixels a side and up to 2 `stray` more, sometimes made smaller, turned, graded."""
    side = min(span + 2 * stray, *picture.shape[:2])
    largest = min(picture.shape[:2]) / side
    cut = round(side * chance.uniform(1, largest)) if chance.random() < 0.35 else side
    top, left = (int(chance.integers(length - cut + 1)) for length in picture.shape[:2])
    part = light(picture[top : top + cut, left : left + cut])
    if cut != side:
        part = np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    if chance.random() < 0.3:
        low, high = chance.uniform(0, 0.15), chance.uniform(0.7, 1)
        part = np.asarray(low + (high - low) * np.power(part, np.exp(chance.normal(0, 0.25))), np.float32)
    return _turned(part, int(chance.integers(4)), mirrored=bool(chance.random() < 0.5))


def _turned(picture: Floats, turns: int, *, mirrored: bool) -> Floats:
    turned = np.rot90(picture, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def light(codes: Photograph) -> Floats:
    """Brightness of codes."""
    return np.asarray(codes.astype(np.float32) / 255, np.float32)


def stacked(pictures: Iterable[Floats]) -> Tensor:
    """Pictures `(h, w, 3)` as `(N, 3, h, w)`."""
    return torch.from_numpy(np.stack([picture.transpose(2, 0, 1) for picture in pictures]))
