"""What a scanner would make of an enlarged picture, and what the scan shows beyond that.

An enlarged picture, blurred and made smaller again as the scan was, is the scan without its grain: so what the scan has
beyond it is grain, and whatever else was taken for it. Laid on the enlarged picture again, nothing of the scan is lost
(back-projection: Irani, Peleg, *Improving Resolution by Image Registration*, CVGIP 53(3), 1991,
doi:10.1016/1049-9652(91)90045-L).
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.networks.enhancer import larger

TAPS = 4.0  # radii of a blur that its kernel reaches
STRIP = 24  # lines of a picture that are enlarged at a time
SUPPORT = 2  # pixels that the bicubic filter reaches
RAISING = 8  # pixels that the filter reaches which raises what the scan shows beyond a picture


def enlarged(picture: Tensor, scale: int) -> Tensor:
    """A picture `(C, H, W)` by the bicubic filter that an enhancer corrects (`networks.enhancer.larger`)."""
    if scale == 1 or picture.device.type != "cpu":
        return larger(picture[None], scale)[0]
    height, width = picture.shape[-2:]
    out = picture.new_empty((len(picture), scale * height, scale * width))
    for lines, strip in strips(picture, scale):
        out[:, lines] = strip
    return out


def strips(picture: Tensor, scale: int) -> Iterator[tuple[slice, Tensor]]:
    """The same in strips `(C, lines, scale W)` that stay in a processor's cache, and which lines they are.

    Each is good until the next one is asked for.
    """
    height, width = picture.shape[-2:]
    scratch = picture.new_empty((len(picture), scale * (STRIP + 2 * SUPPORT), scale * width))
    for top in range(0, height, STRIP):
        stop = min(top + STRIP, height)
        first, last = max(top - SUPPORT, 0), min(stop + SUPPORT, height)
        inner = slice(scale * (top - first), scale * (stop - first))
        for plane, large in zip(picture, scratch, strict=True):
            lines = large[: scale * (last - first)].numpy()
            source = plane[first:last].contiguous().numpy()
            cv2.resize(source, lines.shape[::-1], dst=lines, interpolation=cv2.INTER_CUBIC)
        yield slice(scale * top, scale * stop), scratch[:, inner]


def scanned_again(large: Tensor, scale: int, blur: float) -> Tensor:
    """An enlarged picture `(C, scale H, scale W)` as the scan would show it, `(C, H, W)`.

    By the antialiased bicubic filter (Keys 1981, a = -0.5), and a Gaussian of a radius in pixels of the scan.
    """
    if scale > 1:
        small = functional.interpolate(large[None], scale_factor=1 / scale, mode="bicubic", antialias=True)[0]
    else:
        small = large
    return small if blur == 0 else _filtered(small, _gaussian(blur))


def beyond(large: Tensor, scan: Tensor, scale: int, blur: float) -> Tensor:
    """What a scan `(3, H, W)` shows beyond an enlarged picture `(C, scale H, scale W)`, to be enlarged and added to it.

    Scanned again, the two are the scan, so it is raised by what enlarging and scanning it again take of it. Of a
    picture that was freed of blur only what the blurred one shows is the scan's; the rest is not sharpened.
    """
    return _raised(scan - scanned_again(large, scale, blur), scale)


def _raised(picture: Tensor, scale: int) -> Tensor:
    return picture if scale == 1 else _filtered(picture, _raising(scale))


@lru_cache(maxsize=4)
def _raising(scale: int) -> tuple[float, ...]:
    """Taps of the filter that gives a line back what enlarging and scanning it again take of it."""
    point = torch.zeros(1, 2 * RAISING + 1, 4 * RAISING + 1, dtype=torch.float64)
    point[0, :, 2 * RAISING] = 1
    taken = scanned_again(larger(point[None], scale)[0], scale, 0.0)[0, RAISING]
    inverse = torch.fft.ifft(1 / torch.fft.fft(taken.roll(-2 * RAISING)).real).real.roll(RAISING)[: 2 * RAISING + 1]
    return tuple((inverse / inverse.sum()).tolist())


def _gaussian(radius: float) -> tuple[float, ...]:
    reach = ceil(TAPS * radius)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / radius) ** 2)
    return tuple((weights / weights.sum()).tolist())


def _filtered(picture: Tensor, taps: tuple[float, ...]) -> Tensor:
    """A picture `(C, H, W)` through a symmetric filter of its rows and its columns, its borders repeated."""
    if picture.device.type == "cpu":
        line = np.array(taps)
        planes = [cv2.sepFilter2D(p, -1, line, line, borderType=cv2.BORDER_REPLICATE) for p in picture.numpy()]
        return torch.from_numpy(np.stack(planes))
    reach, kernel = len(taps) // 2, torch.tensor(taps, device=picture.device, dtype=picture.dtype)
    padded = functional.pad(picture[:, None], (reach, reach, reach, reach), mode="replicate")
    down = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(down, kernel.view(1, 1, 1, -1))[:, 0]
