"""What befalls a picture between the world and its scan: a lens, an aperture, grain or a sensor, sharpening, coding.

It happens in that order, each time otherwise, to a pair of views of the same thing: the same lens and the same noise
drawn anew, so that a network can be asked to say the same of both.

The chain follows Wang et al., *Real-ESRGAN*, ICCVW 2021, doi:10.1109/ICCVW54120.2021.00217, with film's own grain and
with codecs that are run, not imitated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.colorspace import FLARE
from restorers.damage.graining import FOG, clumped
from restorers.detail.grain import Floats

Codes = NDArray[np.uint8]
Coder = Callable[[Codes, str, int], Codes]
"""Frames `(T, h, w, 3)`, a codec (`h264`, `mpeg2`) and its quantizer, to the frames as decoded."""

WIDEST = 1.6  # pixels: largest radius of blur
NOISIEST = 0.11  # brightness
GRAY = 0.35  # share of noise that has no color, as on black-and-white film
EDGE = 8  # pixels around a view that are coded with it
TAPS = 4.0  # radii of a blur that its kernel reaches
FINEST_QUANTIZER, COARSEST_QUANTIZER = 14, 42  # of H.264


@dataclass(frozen=True)
class Mishap:
    """What happens to a picture.

    Attributes:
        blur: radius of the lens and aperture beyond what sampling needs, in pixels of the small picture.
        diffracted: whether the lens's blur is that of diffraction, not a Gaussian.
        sharpened: amount of unsharp masking by the scanner.
        noise: largest standard deviation of noise, brightness.
        shape: how noise depends on brightness: `film`, `sensor` or `even`.
        clump: radius of a grain clump in pixels; 0 for white noise.
        common: share of noise that red, green and blue have in common.
        calmed: whether neighbors in time have calmed parts of the picture.
        jpeg: qualities that it was coded at, one after the other.
        rounded: whether it is kept in 8 bits.
    """

    blur: float = 0.0
    diffracted: bool = False
    sharpened: float = 0.0
    noise: float = 0.0
    shape: str = "even"
    clump: float = 0.0
    common: float = 1.0
    calmed: bool = False
    jpeg: tuple[int, ...] = ()
    rounded: bool = False

    @classmethod
    def drawn(cls, chance: np.random.Generator) -> "Mishap":
        """One of those that happen; a quarter of all pictures come off unharmed."""
        if chance.random() < 0.25:
            return cls(rounded=chance.random() < 0.5)
        blurred, noisy, coded = chance.random(3) < (0.6, 0.65, 0.35)
        qualities = tuple(int(chance.integers(25, 96)) for _ in range(1 + int(chance.random() < 0.2)))
        return cls(
            blur=float(chance.uniform(0.15, WIDEST)) if blurred else 0.0,
            diffracted=bool(chance.random() < 0.15),
            sharpened=float(chance.uniform(0.2, 0.8)) if blurred and chance.random() < 0.15 else 0.0,
            noise=NOISIEST * float(chance.random()) ** 1.5 if noisy else 0.0,
            shape=str(chance.choice(["film", "film", "sensor", "even"])),
            clump=float(chance.uniform(0.3, 1.2)) if chance.random() < 0.65 else 0.0,
            common=1.0 if chance.random() < GRAY else float(chance.uniform(0.2, 1)),
            calmed=bool(chance.random() < 0.4),
            jpeg=qualities if coded else (),
            rounded=bool(coded or chance.random() < 0.4),
        )

    @classmethod
    def grain(cls, chance: np.random.Generator) -> "Mishap":
        """Nothing but noise, mostly that of film."""
        return cls(
            noise=NOISIEST * float(chance.random()) ** 1.5,
            shape=str(chance.choice(["film", "film", "sensor", "even"])),
            clump=float(chance.uniform(0.3, 1.2)) if chance.random() < 0.65 else 0.0,
            common=1.0 if chance.random() < GRAY else float(chance.uniform(0.2, 1)),
        )


@dataclass(frozen=True)
class Scanned:
    """A picture as it comes from the scanner.

    Attributes:
        picture: brightness, `(h, w, 3)`.
        noise: standard deviation of its noise as it would be measured, `(h, w)`.
        coding: root mean square of what coding changed.
    """

    picture: Floats
    noise: Floats
    coding: float


def reduced(picture: Floats, scale: int, radius: float = 0.0) -> Floats:
    """A picture `(H, W, 3)` as `(H / scale, W / scale, 3)` by the antialiased bicubic filter of the literature.

    Args:
        picture: brightness.
        scale: how many times smaller it becomes.
        radius: of a Gaussian blur that comes before, in pixels of the small picture; rounded to a twentieth.
    """
    down, across = (_reducing(side, scale, round(20 * radius)) for side in picture.shape[:2])
    return picture if down is None or across is None else through(picture, down, across)


def through(picture: Floats, down: Floats, across: Floats) -> Floats:
    """A picture `(H, W, C)` through filters of its columns `(h, H)` and its rows `(w, W)`, as `(h, w, C)`."""
    height, width, channels = picture.shape
    low = (down @ picture.reshape(height, -1)).reshape(-1, width, channels)
    turned = across @ low.transpose(1, 0, 2).reshape(width, -1)
    return np.ascontiguousarray(turned.reshape(len(across), -1, channels).transpose(1, 0, 2))


def diffracted(picture: Floats, radius: float) -> Floats:
    """A picture `(H, W, 3)` through a round aperture whose image of a point is as wide as a Gaussian of a radius."""
    kernel = _airy(round(20 * radius))
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)


def scanned(chance: np.random.Generator, small: Floats, mishap: Mishap) -> Scanned:
    """A small picture `(h + 2 EDGE, w + 2 EDGE, 3)` with noise, sharpening and coding on it, without its edge."""
    picture, sigma = noised(chance, small, mishap)
    if mishap.sharpened:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.0)
        picture = np.asarray(picture + mishap.sharpened * (picture - soft), np.float32)
    inner = np.s_[EDGE:-EDGE, EDGE:-EDGE]
    coding = 0.0
    if mishap.rounded:
        picture = np.asarray(np.rint(np.clip(picture, 0, 1) * 255) / 255, np.float32)
    if mishap.jpeg:
        coded = picture
        for quality in mishap.jpeg:
            y, x = (int(n) for n in chance.integers(0, 8, 2))
            coded = np.roll(_jpeg(np.roll(coded, (y, x), (0, 1)), quality), (-y, -x), (0, 1))
        coding = float(np.sqrt(np.mean(np.square(coded[inner] - picture[inner]))))
        picture = coded
    return Scanned(np.ascontiguousarray(picture[inner], np.float32), sigma[inner], coding)


def level_noise(level: Floats, shape: str) -> Floats:
    """How strong noise of a shape is at a brightness, at most about 1."""
    level = np.clip(level, 0, 1)
    if shape == "even":
        return np.ones_like(level)
    if shape == "sensor":
        return np.asarray(np.sqrt(0.1 + 0.9 * level), np.float32)
    light = (FLARE**0.45 + (1 - FLARE**0.45) * level) ** (1 / 0.45)
    return np.asarray(2.2 * (level + 0.05) * np.sqrt(FOG - np.log10(light)), np.float32)


def noised(chance: np.random.Generator, picture: Floats, mishap: Mishap) -> tuple[Floats, Floats]:
    """A picture `(h, w, 3)` with noise on it, and its standard deviation as it would be measured, `(h, w)`."""
    height, width = picture.shape[:2]
    if not mishap.noise:
        return picture, np.zeros((height, width), np.float32)
    white = chance.standard_normal((4, height, width), dtype=np.float32)
    field = np.sqrt(np.float32(mishap.common)) * white[3] + np.sqrt(np.float32(1 - mishap.common)) * white[:3]
    if mishap.clump:
        field = clumped(field, mishap.clump)
    strength = np.full((height, width, 1), mishap.noise, np.float32)
    if mishap.calmed:
        strength *= _calm(chance, height, width)
    noisy = picture + strength * level_noise(picture, mishap.shape) * field.transpose(1, 2, 0)
    level = cv2.blur(noisy.mean(2), (3, 3))
    return noisy, np.asarray(strength[..., 0] * level_noise(level, mishap.shape), np.float32)


def _calm(chance: np.random.Generator, height: int, width: int) -> Floats:
    """Share of noise that is left where neighbors in time agree, `(h, w, 1)`, smooth."""
    coarse = chance.uniform(0, 1, (3, 3)).astype(np.float32)
    smooth = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    least = np.float32(chance.uniform(0.2, 0.6))
    return np.asarray(least + (1 - least) * smooth, np.float32)[..., None]


def jpeg(picture: Codes, quality: int) -> Codes:
    """A picture `(h, w, 3)` as JPEG of a quality leaves it."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def _jpeg(picture: Floats, quality: int) -> Floats:
    codes = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return np.asarray(jpeg(codes, quality) / np.float32(255), np.float32)


@lru_cache(maxsize=256)
def _reducing(length: int, scale: int, twentieths: int) -> Floats | None:
    """A blur and the filter that makes a line smaller, `(length / scale, length)`; None where neither does anything."""
    if not twentieths:
        return None if scale == 1 else _bicubic(length, scale)
    radius = twentieths / 20 * scale
    lags = np.arange(-int(np.ceil(4 * radius)), int(np.ceil(4 * radius)) + 1)
    weights = np.exp(-0.5 * np.square(lags / radius))
    blur = _filter(np.arange(length)[:, None] + lags, np.broadcast_to(weights, (length, len(lags))))
    return blur if scale == 1 else np.asarray(_bicubic(length, scale) @ blur, np.float32)


def _bicubic(length: int, scale: int) -> Floats:
    """The antialiased bicubic filter, `(length / scale, length)`.

    Keys, *Cubic convolution interpolation for digital image processing*, IEEE TASSP 29(6), 1981,
    doi:10.1109/TASSP.1981.1163711, with a = -0.5, stretched by the scale.
    """
    centers = (np.arange(length // scale) + 0.5) * scale - 0.5
    places = np.floor(centers)[:, None].astype(int) + np.arange(-2 * scale - 1, 2 * scale + 2)
    x = np.abs(centers[:, None] - places) / scale
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return _filter(places, np.where(x < 1, near, np.where(x < 2, far, 0)), length)


def _filter(places: NDArray[np.int_], weights: NDArray[np.floating], length: int | None = None) -> Floats:
    """A filter as a table `(lines, length)` of what it takes from where, reflecting at the ends."""
    length = length or len(places)
    folded = np.where(places < 0, -1 - places, places)
    folded = np.clip(np.where(folded >= length, 2 * length - 1 - folded, folded), 0, length - 1)
    table = np.zeros((len(places), length))
    np.add.at(table, (np.arange(len(places))[:, None], folded), weights / weights.sum(1, keepdims=True))
    return np.asarray(table, np.float32)


@lru_cache(maxsize=256)
def _airy(twentieths: int) -> Floats:
    """The image of a point by a round aperture, as wide at half its height as a Gaussian.

    Goodman, *Introduction to Fourier Optics*, 4th ed., 2017, section 4.4; J1 by Bessel's integral.
    """
    radius = max(twentieths, 1) / 20
    reach = max(int(np.ceil(TAPS * radius)), 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    r = np.hypot(y, x) * np.float32(1.616 / (1.1774 * radius))
    angles = np.linspace(0, np.pi, 33, dtype=np.float32)
    bessel = np.trapezoid(np.cos(angles - r[..., None] * np.sin(angles)), angles, axis=-1) / np.pi
    kernel = np.where(r < 1e-3, 1.0, np.square(2 * bessel / np.maximum(r, 1e-3)))
    return np.asarray(kernel / kernel.sum(), np.float32)
