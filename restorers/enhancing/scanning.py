"""What a scanner would make of an enlarged picture, and what the scan shows beyond that.

An enlarged picture, blurred and made smaller again as the scan was, is the scan without its grain: so what the scan has
beyond it is grain, and whatever else was taken for it. Laid on the enlarged picture again, nothing of the scan is lost
(back-projection: Irani, Peleg, *Improving Resolution by Image Registration*, CVGIP 53(3), 1991,
doi:10.1016/1049-9652(91)90045-L).
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from restorers.networks.enhancer import larger

TAPS = 4.0  # radii of a blur that its kernel reaches
RAISING = 8  # pixels that the filter reaches which raises what the scan shows beyond a picture


def scanned_again(large: Tensor, scale: int, blur: float) -> Tensor:
    """An enlarged picture `(C, scale H, scale W)` as the scan would show it, `(C, H, W)`.

    By the antialiased bicubic filter (Keys 1981, a = -0.5), and a Gaussian of a radius in pixels of the scan.
    """
    if scale > 1:
        small = functional.interpolate(large[None], scale_factor=1 / scale, mode="bicubic", antialias=True)[0]
    else:
        small = large
    return small if blur == 0 else _blurred(small, blur)


def restored_residue(large: Tensor, scan: Tensor, scale: int, blur: float) -> Tensor:
    """An enlarged picture `(C, scale H, scale W)` with what the scan `(C, H, W)` shows beyond it, both brightness.

    That is raised beforehand by what enlarging and scanning it again take of it. So without blur, `scanned_again` of
    the result is the scan; with it, the blurred picture's own share stays sharp and the rest is not sharpened.
    """
    beyond = scan - scanned_again(large, scale, blur)
    raised = beyond if scale == 1 else _across_and_down(beyond, _raising(scale))
    return large + larger(raised[None], scale)[0]


@lru_cache(maxsize=4)
def _raising(scale: int) -> tuple[float, ...]:
    """Taps of the filter that gives a line back what enlarging and scanning it again take of it."""
    point = torch.zeros(1, 2 * RAISING + 1, 4 * RAISING + 1, dtype=torch.float64)
    point[0, :, 2 * RAISING] = 1
    taken = scanned_again(larger(point[None], scale)[0], scale, 0.0)[0, RAISING]
    inverse = torch.fft.ifft(1 / torch.fft.fft(taken.roll(-2 * RAISING)).real).real.roll(RAISING)[: 2 * RAISING + 1]
    return tuple((inverse / inverse.sum()).tolist())


def _blurred(picture: Tensor, radius: float) -> Tensor:
    reach = ceil(TAPS * radius)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / radius) ** 2)
    return _across_and_down(picture, (weights / weights.sum()).tolist())


def _across_and_down(picture: Tensor, taps: Sequence[float]) -> Tensor:
    """A picture `(C, H, W)` through a symmetric filter of its rows and its columns.

    Each product and each sum is an operation of its own, so that the last bit is the same on any number of threads.
    """
    reach = len(taps) // 2
    for _ in range(2):
        padded = functional.pad(picture, (0, 0, reach, reach), mode="replicate")
        total = torch.zeros_like(picture)
        for row, tap in enumerate(taps):
            total.add_(padded[:, row : row + picture.shape[1]], alpha=tap)
        picture = total.mT.contiguous()
    return picture
