"""How near one picture is to another that shows the same: to the truth where it is known, or to the film as found.

Frames are given in a display space (`Space.REC709` or `Space.SRGB`), 0 to 1; what lies outside is clipped, as a
display would.
"""

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.colorspace import Space, converted, luma

Gray = NDArray[np.float64]


def psnr(reference: Tensor, tested: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of 1.0, over all channels; infinite for equal pictures.

    Args:
        reference: `(..., H, W)`, 0 to 1.
        tested: the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> round(psnr(torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.1)), 3)
    20.0
    """
    return decibels(squared_error(reference, tested))


def squared_error(reference: Tensor, tested: Tensor) -> float:
    """Mean squared error of pictures clipped to 0 to 1, `(..., H, W)`; to be averaged over frames before `decibels`."""
    _same_shape(reference, tested)
    difference = torch.clamp(reference, 0, 1) - torch.clamp(tested, 0, 1)
    return float(torch.mean(difference**2, dtype=torch.float64))


def decibels(squared_error: float) -> float:
    """A mean squared error as PSNR in dB, of a peak of 1.0."""
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)


def ssim(reference: Tensor, tested: Tensor) -> float:
    """Structural similarity of the luma of two frames, 1 for equal ones.

    Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP
    13(4), 2004. doi:10.1109/TIP.2003.819861. Gauss window of 11 x 11, sigma 1.5, K1 0.01, K2 0.03, mean over the
    places where the window lies within the picture; without the downsampling of the authors' later code.

    Args:
        reference: `(3, H, W)`, 0 to 1, at least 11 x 11.
        tested: the same shape.

    Raises:
        ValueError: the shapes differ, or the frames are smaller than the window.
    """
    _same_shape(reference, tested)
    if min(reference.shape[-2:]) < 11:
        raise ValueError(f"SSIM needs frames of at least 11 x 11 pixels, not {tuple(reference.shape[-2:])}")
    x, y = _gray(reference), _gray(tested)
    c1, c2 = 0.01**2, 0.03**2
    mx, my = _windowed(x), _windowed(y)
    vx, vy, vxy = _windowed(x * x) - mx * mx, _windowed(y * y) - my * my, _windowed(x * y) - mx * my
    index = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(index[5:-5, 5:-5].mean())


def gmsd(reference: Tensor, tested: Tensor) -> float:
    """Gradient magnitude similarity deviation of the luma of two frames, 0 for equal ones.

    Xue, Zhang, Mou, Bovik, Gradient Magnitude Similarity Deviation, IEEE TIP 23(2), 2014.
    doi:10.1109/TIP.2013.2293423. Prewitt filters on a picture averaged 2 x 2 and halved, c = 170 for 8-bit pictures.

    Args:
        reference: `(3, H, W)`, 0 to 1.
        tested: the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(reference, tested)
    c = 170 / 255**2
    a, b = _gradient(_gray(reference)), _gradient(_gray(tested))
    return float(np.std((2 * a * b + c) / (a**2 + b**2 + c)))


def color_difference(reference: Tensor, tested: Tensor, space: Space) -> Tensor:
    """CIEDE2000 of every pixel, `(H, W)`; 1 is about what can just be seen.

    CIE 142-2001; colors adapted to the D65 of the display, clear white at L* 100.

    Args:
        reference: `(3, H, W)` in `space`.
        tested: the same shape.
        space: of both.

    Raises:
        ValueError: the shapes differ.
    """
    import colour  # noqa: PLC0415  # takes a second to import, and most measurements do without

    _same_shape(reference, tested)
    a, b = (colour.XYZ_to_Lab(_tristimulus(frame, space), _D65) for frame in (reference, tested))
    return torch.from_numpy(np.asarray(colour.delta_E(a, b, method="CIE 2000"), np.float32))


_D65 = np.array([0.3127, 0.3290])

# ITU-R BT.709 primaries, D65: IEC 61966-2-1.
_RGB_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def _tristimulus(frame: Tensor, space: Space) -> NDArray[np.float64]:
    light = torch.clamp(converted(frame.double(), space, Space.LINEAR), 0, 1)
    return np.asarray(light.permute(1, 2, 0).cpu().numpy() @ np.array(_RGB_TO_XYZ).T)


def _same_shape(reference: Tensor, tested: Tensor) -> None:
    if reference.shape != tested.shape:
        raise ValueError(f"cannot compare frames {tuple(reference.shape)} and {tuple(tested.shape)}: sizes differ")


def _gray(frame: Tensor) -> Gray:
    return np.asarray(luma(torch.clamp(frame, 0, 1))[0].cpu().numpy(), np.float64)


def _windowed(picture: Gray) -> Gray:
    return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float64)


def _gradient(picture: Gray) -> Gray:
    halved = np.asarray(cv2.blur(picture, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)[::2, ::2])
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    x = cv2.filter2D(halved, -1, prewitt, borderType=cv2.BORDER_CONSTANT)
    y = cv2.filter2D(halved, -1, prewitt.T, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.hypot(x, y), np.float64)
