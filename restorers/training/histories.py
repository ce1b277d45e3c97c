"""Shots of photographs as film, sensors, their mosaics and codecs leave them, and the truth about them.

Where grain was coded afterwards, the answer is the share of what is random that grain explains: the square of their
correlation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.damage.graining import FOG, clumped
from restorers.detail.character import KINDS, Kind
from restorers.detail.grain import Floats
from restorers.render import Footage, Held, Span
from restorers.training.degradation import Coder, jpeg
from restorers.training.oracle import covered
from restorers.training.photographs import Photograph

SIZE = (224, 320)
LENGTH = 5
DENSEST = 1.9667
CODECS = ("jpeg", "h264", "mpeg2")


@dataclass(frozen=True)
class History:
    """How a shot came about.

    Attributes:
        kind: of what is random in it, before it was coded.
        strength: standard deviation of density at a density of 1, or of linear light at half light.
        clump: standard deviation of a grain clump in pixels; of the lens, for discs.
        radius: of discs; 0 for grain with a Gaussian spectrum.
        power: of density that grain grows with; below 0 of how much density is missing, as from a negative.
        common: share of grain that the layers have in common; 1 on gray film.
        read: share of a sensor's variance that does not grow with light.
        edges: whether its mosaic is filled along edges.
        codec: `jpeg`, `h264`, `mpeg2`, or none.
        quality: of JPEG, or the quantizer of the others.
        sharpened: amount of unsharp masking, before it was coded.
        scaled: how many times larger it became, after it was coded.
        flicker: standard deviation of a frame's light, of the light.
        rounded: whether it is kept in 8 bits.
        gray: whether it has no colors.
        motion: pixels a frame.
        weave: pixels.
    """

    kind: Kind
    strength: float = 0.03
    clump: float = 0.7
    radius: float = 0.0
    power: float = 0.5
    common: float = 0.5
    read: float = 0.2
    edges: bool = False
    codec: str = ""
    quality: int = 80
    sharpened: float = 0.0
    scaled: float = 1.0
    flicker: float = 0.0
    rounded: bool = True
    gray: bool = False
    motion: float = 0.0
    weave: float = 0.0

    @classmethod
    def drawn(cls, chance: np.random.Generator) -> "History":
        """One of those that happen."""
        kind: Kind = KINDS[int(chance.choice(4, p=(0.4, 0.15, 0.15, 0.3)))]
        gray = bool(chance.random() < (0.5 if kind == "film" else 0.25))
        coded = chance.random() < {"film": 0.4, "compression": 1.0}.get(kind, 0.3)
        codec = str(chance.choice(CODECS)) if coded else ""
        worst = kind == "compression"
        crf = chance.integers(20 if worst else 16, 42 if worst else 34)
        jpeg = chance.integers(20 if worst else 50, 93)
        low, high = (0.008, 0.12) if kind == "film" else (0.004, 0.06)
        return cls(
            kind=kind,
            strength=float(np.exp(chance.uniform(np.log(low), np.log(high)))),
            clump=float(chance.uniform(0.3, 1.6)),
            radius=float(chance.uniform(0.25, 0.7)) if chance.random() < 0.2 else 0.0,
            power=float(chance.uniform(0.2, 0.8)) * float(chance.choice((1, 1, -1))),
            common=1.0 if gray else float(chance.uniform(0.1, 0.95)),
            read=float(chance.uniform(0.02, 0.6)),
            edges=bool(chance.random() < 0.5),
            codec=codec,
            quality=int(jpeg) if codec == "jpeg" else max(int(crf), 20),
            sharpened=float(chance.uniform(0.2, 0.9)) if chance.random() < 0.2 else 0.0,
            scaled=float(chance.uniform(0.7, 1.4)) if codec and chance.random() < 0.3 else 1.0,
            flicker=float(chance.uniform(0.005, 0.04)) if chance.random() < (0.4 if kind == "film" else 0.1) else 0.0,
            rounded=bool(chance.random() < 0.8),
            gray=gray,
            motion=float(chance.uniform(0.3, 3)) if chance.random() < 0.4 else 0.0,
            weave=float(chance.uniform(0.1, 0.8)) if chance.random() < 0.5 else 0.0,
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """A shot and the truth about it.

    Attributes:
        frames: brightness, `(T, 3, H, W)`.
        share: of what is random that is of `history.kind`, the rest being compression.
        coding: rms error that a codec left, brightness.
        history: how it came about.
    """

    frames: Floats
    share: float
    coding: float
    history: History

    @property
    def footage(self) -> Footage:
        """The frames as a shot."""
        clip = Clip(torch.from_numpy(self.frames), Space.SRGB, 0)
        return Footage(Held(clip), (Span(0, len(self.frames)),), Space.DENSITY)


def samples(
    photographs: Sequence[Photograph], count: int, coder: Coder, *, seed: int = 0, length: int = LENGTH
) -> Iterator[Sample]:
    """Shots of photographs `(H, W, 3)`, one after the other; every fourth is a single frame."""
    for number in range(count):
        chance = np.random.default_rng((seed, number))
        photograph = photographs[int(chance.integers(len(photographs)))]
        single = number % 4 == 3
        history = History.drawn(chance)
        if single and history.codec in ("h264", "mpeg2") and chance.random() < 0.5:
            history = replace(history, codec="jpeg", quality=int(chance.integers(20, 93)))
        yield taken(chance, photograph, history, coder, length=1 if single else length)


def taken(
    chance: np.random.Generator,
    photograph: Photograph,
    history: History,
    coder: Coder,
    *,
    length: int = LENGTH,
    size: tuple[int, int] = SIZE,
) -> Sample:
    """A shot of a photograph, with a history."""
    clean = _views(chance, photograph, history, length, size)
    plain, grainy = _noisy(chance, clean, history)
    if history.sharpened:
        plain, grainy = (_sharpened(frames, history.sharpened) for frames in (plain, grainy))
    grainy = np.clip(grainy, 0, 1)
    found, share, coding = grainy, 1.0, 0.0
    if history.codec:
        found = _coded(grainy, history, coder)
        error, noise = (found - plain).ravel(), (grainy - plain).ravel()
        coding = float(np.sqrt(np.mean(np.square(found - grainy))))
        power = float((error @ error) * (noise @ noise))
        share = float(error @ noise) ** 2 / power if power > 0 and history.kind != "compression" else 0.0
    if history.scaled != 1:
        found = _scaled(found, history.scaled)
    if history.rounded:
        found = np.asarray(np.rint(np.clip(found, 0, 1) * 255) / 255, np.float32)
    frames = np.ascontiguousarray(found.transpose(0, 3, 1, 2), np.float32)
    return Sample(frames, share if history.kind != "compression" else 0.0, coding, history)


def _views(
    chance: np.random.Generator, photograph: Photograph, history: History, length: int, size: tuple[int, int]
) -> Floats:
    """Brightness `(T, h, w, 3)` of a photograph that moves."""
    view = photograph if photograph.shape[0] <= photograph.shape[1] else np.rot90(photograph)
    least = max(size[0] / view.shape[0], size[1] / view.shape[1])
    scale = float(chance.uniform(least, max(min(1.0, 1.5 * least), least)))
    source = np.ascontiguousarray(view, np.float32) / 255
    if history.gray:
        source = np.repeat(source.mean(2, keepdims=True), 3, 2)
    blur = 0.45 * np.sqrt(max(1 / scale**2 - 1, 0)) + 0.3
    source = np.asarray(cv2.GaussianBlur(source, (0, 0), blur), source.dtype)
    angle = chance.uniform(0, 2 * np.pi)
    room = np.maximum(np.array(view.shape[1::-1]) * scale - size[::-1], 0)
    start = chance.uniform(0, 1, 2) * room
    frames = []
    for time in range(length):
        place = start + time * history.motion * np.array([np.cos(angle), np.sin(angle)])
        place = place + history.weave * chance.standard_normal(2)
        matrix = np.array([[scale, 0, -place[0]], [0, scale, -place[1]]])
        frames.append(
            cv2.warpAffine(source, matrix, size[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        )
    light = 1 + history.flicker * chance.standard_normal((length, 1, 1, 1))
    return np.clip(np.stack(frames) * np.asarray(light, np.float32) ** 0.45, 0, 1)


def _noisy(chance: np.random.Generator, clean: Floats, history: History) -> tuple[Floats, Floats]:
    """What was photographed, and with what is random in it; both brightness `(T, h, w, 3)`."""
    match history.kind:
        case "film":
            return clean, _discs(chance, clean, history) if history.radius else _grainy(chance, clean, history)
        case "sensor":
            return clean, _brightness(_sensed(chance, _light(clean), history))
        case "demosaic":
            light = _light(clean)
            noisy = _sensed(chance, light, replace(history, gray=False))
            done = tuple(_brightness(_filled(each, history.edges)) for each in (light, noisy))
            if history.gray:
                done = tuple(np.repeat(each.mean(3, keepdims=True), 3, 3) for each in done)
            return done[0], done[1]
        case _:
            return clean, clean


def _grainy(chance: np.random.Generator, clean: Floats, history: History) -> Floats:
    density = _changed(clean, Space.SRGB, Space.DENSITY)
    amount = np.clip(DENSEST - density if history.power < 0 else density, 0, None)
    level = ((amount + FOG) / (1 + FOG)) ** abs(history.power) * history.strength
    t, h, w, _ = clean.shape
    white = chance.standard_normal((t, 4, h, w), dtype=np.float32)
    common = np.float32(history.common)
    field = np.sqrt(common) * white[:, 3:] + np.sqrt(1 - common) * white[:, :3]
    grain = level * clumped(field, history.clump).transpose(0, 2, 3, 1)
    return _changed(np.asarray(density + grain, np.float32), Space.DENSITY, Space.SRGB)


def _discs(chance: np.random.Generator, clean: Floats, history: History) -> Floats:
    lens, layers = max(history.clump, 0.4), int(chance.integers(2, 7))
    count = 1 if history.gray else 3
    frames = [
        [covered(chance, f[..., c], radius=history.radius, lens=lens, layers=layers, fineness=3) for c in range(count)]
        for f in clean
    ]
    grain = np.stack([np.stack(channels * (3 // count), -1) for channels in frames])
    soft = np.stack([cv2.GaussianBlur(f, (0, 0), lens) for f in clean])
    return np.asarray(clean + grain - soft, np.float32)


def _sensed(chance: np.random.Generator, light: Floats, history: History) -> Floats:
    gains = np.array([chance.uniform(1, 2.2), 1.0, chance.uniform(1, 2.2)], np.float32)
    variance = history.strength**2 * (history.read + (1 - history.read) * 2 * light / gains) * gains**2
    noise = chance.standard_normal(light.shape, dtype=np.float32)
    done = light + np.sqrt(variance) * noise
    return np.repeat(done.mean(3, keepdims=True), 3, 3) if history.gray else done


def _filled(light: Floats, edges: bool) -> Floats:
    """What is left of light `(T, h, w, 3)` behind a mosaic of colors, filled in."""
    codes = np.rint(np.clip(light, 0, 1) * 65535).astype(np.uint16)
    mosaic = codes[..., 1].copy()
    mosaic[:, ::2, ::2], mosaic[:, 1::2, 1::2] = codes[:, ::2, ::2, 0], codes[:, 1::2, 1::2, 2]
    code = cv2.COLOR_BayerRGGB2RGB_EA if edges else cv2.COLOR_BayerRGGB2RGB
    colored = np.stack([np.asarray(cv2.cvtColor(frame, code)) for frame in mosaic])
    return np.asarray(colored / np.float32(65535), np.float32)


def _coded(frames: Floats, history: History, coder: Coder) -> Floats:
    codes = np.rint(frames * 255).astype(np.uint8)
    if history.codec == "jpeg":
        done = np.stack([jpeg(frame, history.quality) for frame in codes])
    else:
        done = coder(codes, history.codec, history.quality)
    if history.gray:
        done = np.repeat(np.rint(done.mean(3, keepdims=True)).astype(np.uint8), 3, 3)
    return np.asarray(done / np.float32(255), np.float32)


def _sharpened(frames: Floats, amount: float) -> Floats:
    return np.stack([frame + amount * (frame - cv2.GaussianBlur(frame, (0, 0), 1.0)) for frame in frames])


def _scaled(frames: Floats, times: float) -> Floats:
    """Frames made smaller, or the middle of frames made larger, as large as they were."""
    h, w = frames.shape[1:3]
    if times < 1:
        small = round(w * times), round(h * times)
        return np.stack([cv2.resize(frame, small, interpolation=cv2.INTER_AREA) for frame in frames])
    matrix = np.array([[times, 0, (1 - times) * w / 2], [0, times, (1 - times) * h / 2]])
    return np.stack([cv2.warpAffine(frame, matrix, (w, h), flags=cv2.INTER_CUBIC) for frame in frames])


def _light(brightness: Floats) -> Floats:
    return _changed(brightness, Space.SRGB, Space.LINEAR)


def _brightness(light: Floats) -> Floats:
    return _changed(np.clip(light, 0, 1), Space.LINEAR, Space.SRGB)


def _changed(frames: Floats, source: Space, target: Space) -> Floats:
    return converted(torch.from_numpy(np.ascontiguousarray(frames, np.float32)), source, target).numpy()
