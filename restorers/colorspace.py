"""What the numbers of a frame mean, and the way from one meaning to another.

Every space is tied to the others by *linear light* L: 0 is black, 1 is the diffuse white of the scene or the clear
base of a print, ITU-R BT.709 primaries. Density, the space treatments work in, is

    D = -log10((1 - f) L + f),      f = 10 ** ((95 - 685) / 300) = 0.0108

that is, density as a projector with the flare f of Cineon's black point sees it. The constant comes from Cineon
(Kodak, *Grayscale Transformations of Cineon Digital Film Data*, 1993), whose codes 95 and 685 are black and white and
whose steps are 0.002 of printing density at a gamma of 0.6; with it, log scans and density differ by a straight line.
"""

from enum import StrEnum
from math import log2
from typing import assert_never

import torch
from torch import Tensor

PART = 65_536  # numbers

WHITE_CODE = 685.0
BLACK_CODE = 95.0
CODES_PER_DECADE = 300.0  # 0.6 gamma / 0.002 density per code
FLARE = 10 ** ((BLACK_CODE - WHITE_CODE) / CODES_PER_DECADE)
LOG2_10 = log2(10)
SRGB_DIM, SRGB_SLOPE, SRGB_POWER, SRGB_OFFSET = 0.0031308, 12.92, 2.4, 0.055  # IEC 61966-2-1
DENSITY_RANGE = 2.046  # 1023 codes of 0.002

PQ_M1 = 2610 / 16384
PQ_M2 = 2523 / 4096 * 128
PQ_C1 = 3424 / 4096
PQ_C2 = 2413 / 4096 * 32
PQ_C3 = 2392 / 4096 * 32
PQ_PEAK_NITS = 10_000.0
REFERENCE_WHITE_NITS = 203.0  # ITU-R BT.2408


class Space(StrEnum):
    """The meaning of a frame's three channels, always in the order red, green, blue."""

    DENSITY = "density"
    """Density of the picture, 0 at white or clear base, 1.97 at black; the scale treatments work in."""

    PRINTING_DENSITY = "printing-density"
    """Cineon log, as DPX scans of negatives carry it: 1023 codes of 0.002 printing density, higher is brighter."""

    PRINT_DENSITY = "print-density"
    """Density of a positive as measured, 1 = 2.046 D, higher is darker."""

    REC709 = "rec709"
    """Display-referred video, ITU-R BT.1886 (gamma 2.4, zero black)."""

    SRGB = "srgb"
    """IEC 61966-2-1 display values, as PNG and JPEG carry them."""

    LINEAR = "scene-linear"
    """Linear light, may exceed 1; as EXR carries it."""

    PQ = "rec2100-pq"
    """ITU-R BT.2100 PQ with BT.2020 primaries; linear 1 is the 203 cd/m2 of BT.2408. For masters, not for scans."""


# ITU-R BT.2087: BT.709 to BT.2020 primaries, both D65.
BT709_TO_BT2020 = (
    (0.6274, 0.3293, 0.0433),
    (0.0691, 0.9195, 0.0114),
    (0.0164, 0.0880, 0.8956),
)


def density(linear: Tensor) -> Tensor:
    """Density of linear light, any shape.

    >>> round(float(density(torch.tensor(1.0))), 4), round(float(density(torch.tensor(0.0))), 4)
    (0.0, 1.9667)
    """
    return ((1 - FLARE) * linear).add_(FLARE).clamp_(min=1e-6).log10_().neg_()


def linear_light(density: Tensor) -> Tensor:
    """Linear light of a density, any shape; the exact inverse of `density` above its floor."""
    return torch.exp2(density * -LOG2_10).sub_(FLARE).div_(1 - FLARE)


def srgb_encoded(light: Tensor) -> Tensor:
    """Values of sRGB of linear light, any shape; the straight part goes on below black (IEC 61966-2-1).

    >>> [round(float(srgb_encoded(torch.tensor(light))), 4) for light in (-0.001, 0.001, 0.18, 1.0)]
    [-0.0129, 0.0129, 0.4614, 1.0]
    """
    curved = light.clamp(min=SRGB_DIM).log2_().div_(SRGB_POWER).exp2_().mul_(1 + SRGB_OFFSET).sub_(SRGB_OFFSET)
    return curved.add_(light.clamp(max=SRGB_DIM).sub_(SRGB_DIM), alpha=SRGB_SLOPE)


def srgb_decoded(values: Tensor) -> Tensor:
    """Linear light of values of sRGB, any shape; the inverse of `srgb_encoded`."""
    knee = SRGB_DIM * SRGB_SLOPE
    curved = values.clamp(min=knee).add_(SRGB_OFFSET).div_(1 + SRGB_OFFSET).log2_().mul_(SRGB_POWER).exp2_()
    return curved.add_(values.clamp(max=knee).sub_(knee), alpha=1 / SRGB_SLOPE)


def pq_encoded(nits: Tensor) -> Tensor:
    """SMPTE ST 2084 signal in [0, 1] of a luminance in cd/m2.

    >>> [round(float(pq_encoded(torch.tensor(n))), 4) for n in (100.0, 203.0, 1000.0, 10000.0)]
    [0.5081, 0.5807, 0.7518, 1.0]
    """
    y = torch.pow(torch.clamp(nits / PQ_PEAK_NITS, 0, 1), PQ_M1)
    return torch.pow((PQ_C1 + PQ_C2 * y) / (1 + PQ_C3 * y), PQ_M2)


def pq_decoded(signal: Tensor) -> Tensor:
    """Luminance in cd/m2 of a SMPTE ST 2084 signal in [0, 1]."""
    v = torch.pow(torch.clamp(signal, 0, 1), 1 / PQ_M2)
    return PQ_PEAK_NITS * torch.pow(torch.clamp(v - PQ_C1, min=0) / (PQ_C2 - PQ_C3 * v), 1 / PQ_M1)


def converted(frames: Tensor, source: Space, target: Space) -> Tensor:
    """Frames `(T, 3, H, W)`, or one, of one space in another; the same tensor when both are the same.

    The way leads through density. It is gone frame by frame: the last bit of a power depends on where a value lies in
    a tensor, and must not on how many frames are in a window.
    """
    if source is target:
        return frames
    if frames.ndim == 3:
        return converted(frames[None], source, target)[0]
    mixing = Space.PQ in {source, target}  # channels with one another; all others know one number at a time
    out = torch.empty_like(frames, memory_format=torch.contiguous_format)
    for frame, there in zip(frames, out, strict=True):
        parts = ((frame,), (there,)) if mixing else (_pieces(frame), _pieces(there))
        for part, place in zip(*parts, strict=True):
            place.copy_(_from_density(_to_density(part, source), target))
    return out


def luma(frames: Tensor) -> Tensor:
    """BT.709-weighted mean of the channels, `(T, 1, H, W)`, in whatever space the frames are."""
    r, g, b = frames.unbind(-3)
    return (0.2126 * r + 0.7152 * g + 0.0722 * b).unsqueeze(-3)


def _to_density(frames: Tensor, source: Space) -> Tensor:
    match source:
        case Space.DENSITY:
            return frames
        case Space.PRINTING_DENSITY:
            return (frames * -1023.0 + WHITE_CODE) / CODES_PER_DECADE
        case Space.PRINT_DENSITY:
            return DENSITY_RANGE * frames
        case Space.REC709:
            return density(_signed_power(frames, 2.4))
        case Space.SRGB:
            return density(srgb_decoded(frames))
        case Space.LINEAR:
            return density(frames)
        case Space.PQ:
            light = pq_decoded(frames) / REFERENCE_WHITE_NITS
            return density(_mixed(light, torch.linalg.inv(torch.tensor(BT709_TO_BT2020, dtype=torch.float64))))
        case _ as never:
            assert_never(never)


def _from_density(frames: Tensor, target: Space) -> Tensor:
    match target:
        case Space.DENSITY:
            return frames
        case Space.PRINTING_DENSITY:
            return (frames * -CODES_PER_DECADE + WHITE_CODE) / 1023.0
        case Space.PRINT_DENSITY:
            return frames / DENSITY_RANGE
        case Space.REC709:
            return _signed_power(linear_light(frames), 1 / 2.4)
        case Space.SRGB:
            return srgb_encoded(linear_light(frames))
        case Space.LINEAR:
            return linear_light(frames)
        case Space.PQ:
            light = _mixed(linear_light(frames), torch.tensor(BT709_TO_BT2020, dtype=torch.float64))
            return pq_encoded(torch.clamp(light, min=0) * REFERENCE_WHITE_NITS)
        case _ as never:
            assert_never(never)


def _pieces(frame: Tensor) -> tuple[Tensor, ...]:
    """The numbers of a frame, on a processor so few at a time that they stay in its cache."""
    return torch.split(frame.reshape(-1), PART if frame.device.type == "cpu" else frame.numel())


def _signed_power(values: Tensor, exponent: float) -> Tensor:
    return torch.sign(values) * torch.pow(torch.abs(values), exponent)


def _mixed(frames: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ij,...jhw->...ihw", matrix.to(frames), frames)
