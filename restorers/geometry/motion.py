"""How the picture moves from frame to frame.

Dense flow by inverse search on small, prefiltered pictures of the frames. The prefilter takes off what is no motion:
a median for dust, a Gauss filter for grain, and mean and contrast for flicker.

Kroeger, Timofte, Dai, Van Gool, Fast Optical Flow using Dense Inverse Search, ECCV 2016.
doi:10.1007/978-3-319-46493-0_29

Flows are float32 `(h, w, 2)`, x then y, in pixels of the picture they were made on, and `target(x + flow(x))` shows
what `source(x)` shows. Displacements of full-size frames are tensors `(2, H, W)`, x then y, in pixels of the frame.
"""

from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.colorspace import Space, converted, luma
from restorers.compiled import compiled

Picture: TypeAlias = NDArray[np.uint8]
Flow: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = NDArray[np.float32]

FLOW_LINES = 540
FINE_BLUR_PX = 0.7
LUMA = (0.2126, 0.7152, 0.0722)
GRAY_MEAN = 128.0
GRAY_SPREAD = 48.0
SHADING_SHARE = 12


def luma_for_flow(frame: Tensor, *, lines: int = FLOW_LINES) -> Picture:
    """A small gray picture of a frame, without its dust, grain and flicker.

    Args:
        frame: `(3, H, W)`, best in density, where flicker is a gain and an offset.
        lines: most lines of the picture; smaller frames keep their size.

    Returns:
        `(h, w)`, mean 128, standard deviation 48, clipped to [0, 255].
    """
    gray = cv2.GaussianBlur(cv2.medianBlur(_small_luma(frame, lines), 3), (0, 0), 1.0)
    return np.asarray(np.clip(_normal(gray) * GRAY_SPREAD + GRAY_MEAN + 0.5, 0, 255), np.uint8)


def fine_luma(frame: Tensor, space: Space = Space.DENSITY, *, lines: int = FLOW_LINES) -> NDArray[np.float32]:
    """A small gray picture of a frame that keeps its detail, without its flicker and slow shading.

    Codes of scans stand for densities well enough to be laid over one another; only scene-linear ones are converted.

    Args:
        frame: `(3, H, W)` in `space`.
        space: what its numbers mean.
        lines: lines of the picture, about; a pixel of it is a whole number of pixels of the frame, and what is left
            over at the right and the bottom is left out.

    Returns:
        `(h, w)`, mean 0, standard deviation 1.
    """
    gray = _shrunk_luma(frame, pixels_in_fine(frame.shape[-2], lines=lines))
    if space is Space.LINEAR:
        gray = converted(torch.from_numpy(gray)[None, None], space, Space.DENSITY)[0, 0].numpy()
    even = np.asarray(cv2.GaussianBlur(gray, (0, 0), FINE_BLUR_PX), np.float32)
    height, width = even.shape
    small = cv2.resize(even, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    around = max(len(small) // SHADING_SHARE, 1) * 2 + 1
    shade = cv2.blur(small, (around, around), borderType=cv2.BORDER_REPLICATE)
    spread = max(float((small - shade).std()), 1e-4)
    even -= cv2.resize(shade, (width, height), dst=gray, interpolation=cv2.INTER_LINEAR)
    even *= np.float32(1 / spread)
    return even


def pixels_in_fine(height: int, *, lines: int = FLOW_LINES) -> int:
    """Pixels of a frame of some height in a pixel of its `fine_luma`, along each axis."""
    return max(round(height / lines), 1)


def picture_of(fine: NDArray[np.float32]) -> Picture:
    """A gray picture for flow made of a `fine_luma` or a smaller copy of one: mean 128, clipped to [0, 255]."""
    return np.asarray(np.clip(cv2.medianBlur(fine, 3) * GRAY_SPREAD + GRAY_MEAN + 0.5, 0, 255), np.uint8)


def flow(source: Picture, target: Picture, guess: Flow | None = None) -> Flow:
    """Dense flow from one picture to another of the same size, `(h, w, 2)`: `target(x + flow(x)) = source(x)`.

    The same on one thread and on many: the search runs in a fixed number of stripes.

    Args:
        source: `(h, w)` from `luma_for_flow`.
        target: `(h, w)`.
        guess: a flow to start from, for large motion; left as it is.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setUseMeanNormalization(True)
    start = np.zeros((*source.shape, 2), np.float32) if guess is None else guess.copy()
    return np.asarray(search.calc(source, target, start), np.float32)


def consistency(forward: Flow, backward: Flow) -> Weights:
    """Distance in pixels between a point and where it comes back to, forward and then backward, `(h, w)`.

    Small where both flows agree; large at occlusions, dust and where nothing can be told.
    """
    there = warped(backward, forward)
    return np.asarray(np.hypot(forward[..., 0] + there[..., 0], forward[..., 1] + there[..., 1]), np.float32)


def texture(picture: Picture, *, radius: int = 4) -> Weights:
    """How surely motion can be told at each pixel, in [0, 1): the lesser eigenvalue of the structure tensor.

    Shi, Tomasi, Good features to track, CVPR 1994. doi:10.1109/CVPR.1994.323794
    """
    least = cv2.cornerMinEigenVal(picture, 2 * radius + 1, ksize=3)
    least = np.maximum(least, 0)
    return np.asarray(least / (least + max(float(np.median(least)), 1e-9)), np.float32)


def warped(image: NDArray[np.float32] | Picture, flow: Flow) -> NDArray[np.float32]:
    """A picture `(h, w)` or `(h, w, c)` fetched along a flow, bilinear: `out(x) = image(x + flow(x))`."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(
        cv2.remap(
            np.asarray(image, np.float32),
            x + flow[..., 0],
            y + flow[..., 1],
            cv2.INTER_LINEAR,
            None,
            cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def global_shift(flow: Flow, weights: Weights | None = None) -> tuple[float, float]:
    """The shift (x, y) in pixels that most of the picture makes: weighted median of a flow."""
    weights = np.ones(flow.shape[:2], np.float32) if weights is None else weights
    return _weighted_median(flow[..., 0], weights), _weighted_median(flow[..., 1], weights)


def frame_shifts(pictures: list[Picture]) -> NDArray[np.float64]:
    """Shift of each picture against the one before, `(T - 1, 2)`, x then y, in pixels of the pictures.

    Both ways, weighted by texture and by how well both ways agree; what moves on its own is outvoted.
    """
    shifts = np.zeros((max(len(pictures) - 1, 0), 2))
    for index, (source, target) in enumerate(pairwise(pictures)):
        forward, backward = flow(source, target), flow(target, source)
        sure = texture(source) * np.exp(-consistency(forward, backward))
        shifts[index] = global_shift(forward, np.asarray(sure, np.float32))
    return shifts


def _shrunk_luma(frame: Tensor, times: int) -> NDArray[np.float32]:
    """Luma of a frame `(3, H, W)`, each pixel the mean of `times` by `times`."""
    height, width = (n // times for n in frame.shape[-2:])
    cut = frame[:, : height * times, : width * times].to(torch.float32)
    if cut.is_cuda:
        return np.asarray(functional.avg_pool2d(luma(cut)[None], times)[0, 0].cpu().numpy(), np.float32)
    planes = cut.numpy()
    if times > 1:
        planes = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in planes])
    red, green, blue = planes
    gray = cv2.addWeighted(red, LUMA[0], green, LUMA[1], 0)
    return np.asarray(cv2.scaleAdd(blue, LUMA[2], gray, dst=gray), np.float32)


def _small_luma(frame: Tensor, lines: int) -> NDArray[np.float32]:
    frame = frame.to(torch.float32)
    gray = luma(frame)[0].cpu().numpy() if frame.is_cuda else np.empty(frame.shape[-2:], np.float32)
    if not frame.is_cuda:
        _weighed(frame.numpy(), gray)
    height, width = gray.shape
    if height <= lines:
        return gray
    size = (max(round(width * lines / height), 1), lines)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)


@compiled
def _weighed(planes: NDArray[np.float32], gray: NDArray[np.float32]) -> None:
    """`luma` of planes `(3, H, W)`, in one pass."""
    for i in range(gray.shape[0]):
        for j in range(gray.shape[1]):
            red, green = np.float32(LUMA[0]) * planes[0, i, j], np.float32(LUMA[1]) * planes[1, i, j]
            gray[i, j] = red + green + np.float32(LUMA[2]) * planes[2, i, j]


def _normal(gray: cv2.typing.MatLike) -> NDArray[np.float32]:
    return np.asarray((gray - gray.mean()) / max(float(gray.std()), 1e-4), np.float32)


def _weighted_median(values: NDArray[np.float32], weights: Weights) -> float:
    order = np.argsort(values, axis=None, kind="stable")
    mass = np.cumsum(weights.reshape(-1)[order], dtype=np.float64)
    return float(values.reshape(-1)[order][min(int(np.searchsorted(mass, mass[-1] / 2)), len(order) - 1)])
