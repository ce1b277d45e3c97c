"""A block of a frame beside the same of its neighbors in time, brought to it along the flow.

Frames are worked on block by block, so that what is computed of one stays in the processor's cache.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.clip import Clip
from restorers.detail.grain import Floats
from restorers.detail.tiles import STEP, TILE
from restorers.geometry.motion import Flow

BLOCK = (192, 320)
MARGIN = 3 * STEP  # pixels around a block that its tiles, their pilot and the weights of these look at
HIDDEN = 0.02  # share of a pixel brought here that a blemish may have in it
SPOILED = 2  # a tile with one part in so many of blemish says nothing
CUBIC = 3  # pixels that cubic interpolation may reach


@dataclass(frozen=True, eq=False)
class Stack:
    """A block of a frame and of its neighbors brought to it, with a margin.

    Attributes:
        own: density, `(3, h, w)`; where a blemish hides the frame, what most neighbors show.
        others: the same of each neighbor; where a blemish hides it, `own`.
        sound: share of each tile that says something, `(1 + K, rows, columns)`, the frame first; None for all of it.
    """

    own: Tensor
    others: list[Tensor]
    sound: Tensor | None = None


@dataclass(frozen=True)
class Block:
    """A place in a frame, and its margin, mirrored at the frame's edges."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    def within(self, plane: Tensor) -> Tensor:
        """The block in a whole frame `(..., H, W)`."""
        return plane[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def inner(self, part: Tensor) -> Tensor:
        """The block in what was worked out for it and the tiles around it."""
        return part[..., STEP : STEP + self.height, STEP : STEP + self.width]

    def stack(self, clip: Clip, number: int, flows: Mapping[int, Flow], blemished: Tensor | None) -> Stack:
        """The block of a frame and of its neighbors along the flows.

        Args:
            clip: density.
            number: reel number of the frame.
            flows: from the frame to each neighbor, by reel number.
            blemished: bool `(T, H, W)`.
        """
        y, x = _mirrored(self.top, self.height, self.size[0]), _mirrored(self.left, self.width, self.size[1])
        places = {n: self._along(flow, y, x) for n, flow in flows.items()}
        rows, columns = (torch.from_numpy(a).to(clip.frames.device) for a in (y, x))
        own = clip[number][:, rows][:, :, columns]
        others = [_fetched(clip[n], at) for n, at in places.items()]
        if blemished is None:
            return Stack(own, others)
        masks = {n: blemished[n - clip.first][None].to(own.dtype) for n in (number, *places)}
        hidden = [masks[number][:, rows][:, :, columns], *(_fetched(masks[n], at) for n, at in places.items())]
        return _mended(own, others, torch.stack(hidden) > HIDDEN)

    def _along(self, flow: Flow, y: NDArray[np.int64], x: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Where in a neighbor each pixel of rows y and columns x is found: x and y, in pixels of the frame."""
        down, across = flow.shape[0] / self.size[0], flow.shape[1] / self.size[1]
        rows, columns = ((y + 0.5) * down - 0.5).astype(np.float32), ((x + 0.5) * across - 0.5).astype(np.float32)
        grid = np.meshgrid(columns, rows)
        motion = cv2.remap(flow, grid[0], grid[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        motion = np.asarray(motion / np.array([across, down], np.float32), np.float32)
        across_at = np.asarray(motion[..., 0] + x, np.float32)
        return across_at, np.asarray(motion[..., 1] + y[:, None], np.float32)


def blocks(size: tuple[int, int]) -> Iterator[Block]:
    """All blocks of a frame of a size."""
    height, width = size
    for top in range(0, height, BLOCK[0]):
        for left in range(0, width, BLOCK[1]):
            yield Block(top, left, min(BLOCK[0], height - top), min(BLOCK[1], width - left), size)


def _mended(own: Tensor, others: list[Tensor], hidden: Tensor) -> Stack:
    """A stack in which blemishes of the frame show what most neighbors show, and those of neighbors the frame.

    Args:
        own: `(3, h, w)`.
        others: K of them.
        hidden: bool `(1 + K, 1, h, w)`.
    """
    if others and bool(hidden[0].any()):
        shown = torch.nanmedian(torch.stack(others).masked_fill_(hidden[1:], torch.nan), 0).values
        own = torch.where(hidden[0] & ~shown.isnan(), shown, own)
    others = [torch.where(gone, own, other) for gone, other in zip(hidden[1:], others, strict=True)]
    spoiled = functional.avg_pool2d(hidden.to(own.dtype), TILE, STEP)[:, 0]
    return Stack(own, others, (1 - SPOILED * spoiled).clamp_(min=0))


def _fetched(frame: Tensor, at: tuple[Floats, Floats]) -> Tensor:
    """A frame `(C, H, W)` at places x and y `(h, w)`, bicubic, mirrored at its edges."""
    height, width = frame.shape[-2:]
    if frame.is_cuda:
        x, y = (torch.from_numpy(a).to(frame.device) for a in at)
        grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), -1)
        return functional.grid_sample(frame[None], grid[None], "bicubic", "reflection", align_corners=True)[0]
    (left, right), (top, bottom) = _reached(at[0], width), _reached(at[1], height)
    part = cv2.merge([plane[top:bottom, left:right] for plane in frame.numpy()])
    maps = cv2.convertMaps(at[0] - np.float32(left), at[1] - np.float32(top), cv2.CV_16SC2)
    there = cv2.remap(part, maps[0], maps[1], cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101)
    return torch.from_numpy(np.asarray(there)).view(*at[0].shape, len(frame)).permute(2, 0, 1)


def _reached(at: Floats, size: int) -> tuple[int, int]:
    """The rows or columns, of `size`, that interpolation at places looks at, with those that mirror what is beyond."""
    first, last, end = int(at.min()) - CUBIC, int(at.max()) + CUBIC, size - 1
    start = min(first, 2 * end - last) if last > end else first
    stop = max(last, -first) if first < 0 else last
    return max(start, 0), min(stop, end) + 1


def _mirrored(first: int, length: int, size: int) -> NDArray[np.int64]:
    """Rows or columns of a block in whole steps, with its margin, mirrored into 0 <= n < size."""
    whole = -(-length // STEP) * STEP
    period = max(2 * (size - 1), 1)
    at = np.arange(first - MARGIN, first + whole + MARGIN) % period
    return np.asarray(np.minimum(at, period - at), np.int64)
