"""YUV pictures of video codecs as RGB codes of 16 bit: white comes out as white, and every machine agrees.

The matrices and ranges of ITU-R BT.601, BT.709 and BT.2020 (non-constant luminance). swscale is not used because it
scales by 2**n where the codes are defined over 2**n - 1: it puts legal white at 65280 of 65535 (measured).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = Literal["bt709", "bt601", "bt2020"]
_WEIGHTS: dict[Matrix, tuple[float, float]] = {  # of red and of blue in luma
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
RGB_WHITE = 65535


def rgb_codes(
    luma: NDArray[np.unsignedinteger],
    blue: NDArray[np.unsignedinteger],
    red: NDArray[np.unsignedinteger],
    *,
    depth: int,
    matrix: Matrix,
    full_range: bool,
) -> NDArray[np.uint16]:
    """RGB codes `(3, H, W)` of 16 bit, rounded; what the matrix puts below black or above white is clipped.

    Args:
        luma: codes `(H, W)`.
        blue: color difference B - Y, `(H, W)`, or half of that in width, or in both.
        red: color difference R - Y, as `blue`.
        depth: bits per code.
        matrix: which luma weights the codes were made with.
        full_range: whether black and white are the first and last codes, not the legal 16 and 235 (at 8 bit).

    >>> white, gray = np.full((2, 2), 235, np.uint8), np.full((1, 1), 128, np.uint8)
    >>> int(rgb_codes(white, gray, gray, depth=8, matrix="bt709", full_range=False).min())
    65535
    """
    step = np.float32(2 ** (depth - 8))
    black, span, color_span = (0, 2**depth - 1, 2**depth - 1) if full_range else (16 * step, 219 * step, 224 * step)
    y = (luma.astype(np.float32) - np.float32(black)) * np.float32(RGB_WHITE / span)
    pb, pr = (
        cosited(plane.astype(np.float32) - 128 * step, luma.shape) * np.float32(RGB_WHITE / color_span)
        for plane in (blue, red)
    )
    kr, kb = _WEIGHTS[matrix]
    kg = 1 - kr - kb
    rgb = np.stack(
        [
            y + np.float32(2 * (1 - kr)) * pr,
            y - np.float32(2 * kb * (1 - kb) / kg) * pb - np.float32(2 * kr * (1 - kr) / kg) * pr,
            y + np.float32(2 * (1 - kb)) * pb,
        ]
    )
    rounded: NDArray[np.uint16] = np.clip(np.rint(rgb), 0, RGB_WHITE).astype(np.uint16)
    return rounded


def subsampled(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes `(3 H / 2, W)` as `yuv420p` lays them, luma, blue and red, of an RGB frame `(H, W, 3)` of 8 bit.

    BT.709, legal range; color differences are sited as `cosited` expects them. Sides are even.
    """
    kr, kb = _WEIGHTS["bt709"]
    red, green, blue = np.moveaxis(frame.astype(np.float32) / np.float32(255), -1, 0)
    luma = np.float32(kr) * red + np.float32(1 - kr - kb) * green + np.float32(kb) * blue
    planes = [16 + 219 * luma]
    for color, weight in ((blue, kb), (red, kr)):
        difference = (color - luma) / np.float32(2 * (1 - weight))
        lines = (difference[::2] + difference[1::2]) / 2
        before = np.concatenate([lines[:, :1], lines[:, 1:-1:2]], 1)
        planes.append(128 + 224 * (before + 2 * lines[:, ::2] + lines[:, 1::2]) / 4)
    laid = np.concatenate([plane.reshape(-1, frame.shape[1]) for plane in planes])
    return np.ascontiguousarray(np.clip(np.rint(laid), 0, 255).astype(np.uint8))


def colored(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An RGB frame `(H, W, 3)` of 8 bit of planes `(3 H / 2, W)` as `yuv420p` lays them; `subsampled` reversed."""
    height, width = 2 * planes.shape[0] // 3, planes.shape[1]
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    codes = rgb_codes(planes[:height], blue, red, depth=8, matrix="bt709", full_range=False)
    return np.ascontiguousarray(np.rint(np.moveaxis(codes, 0, -1) / (RGB_WHITE / 255)).astype(np.uint8))


def cosited(plane: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A color difference at every pixel `(H, W)`, interpolated linearly.

    Its samples lie on every second pixel of a line, and midway between two lines where there are half as many: the
    place that H.264, HEVC, ProRes and MPEG-2 mean when they do not say.
    """
    height, width = shape
    if plane.shape[0] != height:
        above = np.concatenate([plane[:1], plane[:-1]])
        below = np.concatenate([plane[1:], plane[-1:]])
        tall = np.stack([0.75 * plane + 0.25 * above, 0.75 * plane + 0.25 * below], 1, dtype=np.float32)
        plane = tall.reshape(-1, plane.shape[1])[:height]
    if plane.shape[1] != width:
        after = np.concatenate([plane[:, 1:], plane[:, -1:]], 1)
        plane = np.stack([plane, 0.5 * (plane + after)], 2, dtype=np.float32).reshape(plane.shape[0], -1)[:, :width]
    return plane
