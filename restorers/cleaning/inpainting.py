"""What space knows of a picture under a hole: filled in from around it, when no neighboring frame can tell.

All methods work in brightness, linear light to the power of 0.45, where steps that look alike are alike; they give the
hole a picture without grain, which whoever asked lays over it. By our own network, joined by FSR in spots, as they err
in different places and their mean errs less than either; or by a classical method alone:

Telea, *An Image Inpainting Technique Based on the Fast Marching Method*, J. Graphics Tools 9(1), 2004.
doi:10.1080/10867651.2004.10487596. Bertalmio, Bertozzi, Sapiro, *Navier-Stokes, Fluid Dynamics, and Image and Video
Inpainting*, CVPR 2001. doi:10.1109/CVPR.2001.990497. Genser, Seiler, Schilling, Kaup, *Spectral Constrained Frequency
Selective Extrapolation for Rapid Image Error Concealment*, IWSSIP 2018. doi:10.1109/IWSSIP.2018.8439139 (FSR).
"""

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.detail.grain import Floats
from restorers.networks.painter import BLOCK, Painter, brightness, density_of
from restorers.networks.weights import opened
from restorers.restorer import Bench

Method = Literal["network", "telea", "navier-stokes", "fsr"]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

CONTEXT = 16  # pixels around a hole that the painter must see at least
CROPS = (64, 96, 128)
CELL = CROPS[-1] - 2 * CONTEXT
"""Pixels a side into which larger holes are cut."""

DEEP = 20.0  # pixels from a hole's rim to its heart beyond which it is filled at half the size first
RIM = 12.0  # pixels of such a hole that are then painted at full size
SPOT = 0.25  # share of a square as long as a hole that it fills; along hairs and scratches FSR takes ten times as long
RADIUS = 3.0
ROUNDING = 10_000  # OpenCV's fast marching rounds even floats to whole numbers


def filled(picture: Tensor, hole: Tensor, method: Method, bench: Bench, *, beside: Tensor | None = None) -> Tensor:
    """The picture with its hole filled, without grain there; elsewhere it is as it was, bit for bit.

    Args:
        picture: density, `(3, h, w)`; what it has in the hole makes no difference.
        hole: bool, `(h, w)`.
        method: by what.
        beside: bool, `(h, w)`: what else of it is not known, and stays as it is; nothing if not given.
        bench: lends the network's weights.

    Raises:
        ValueError: the hole is the whole picture.
        MissingWeights: the network's weights are not there, or are not the ones pinned.
    """
    unknown = hole if beside is None else hole | beside
    mask, wanted = (np.asarray(each.cpu().numpy(), bool) for each in (unknown, hole))
    if mask.all():
        raise ValueError(f"nothing is known around a hole that is the whole picture, {tuple(hole.shape)}")
    if not wanted.any():
        return picture
    shown = brightness(picture).masked_fill(unknown.to(picture.device), 0)
    if method == "network":
        painted = _painted(shown, mask, wanted, opened("painter", Painter, bench))
    else:
        planes = _classical(np.ascontiguousarray(shown.cpu().numpy()), mask, method)
        painted = torch.from_numpy(planes).to(picture.device)
    return torch.where(hole.to(picture.device), density_of(painted), picture)


def _painted(shown: Tensor, hole: Mask, wanted: Mask, painter: Painter) -> Tensor:
    """Brightness `(3, h, w)` with those of its holes painted that are wanted, large ones from coarse to fine."""
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if depth.max() > DEEP:
        heart = depth > RIM
        coarse = functional.interpolate(
            _painted(*_halved(shown, hole, wanted), painter)[None],
            size=hole.shape,
            mode="bilinear",
            align_corners=False,
        )[0]
        shown = torch.where(torch.from_numpy(heart).to(shown.device), coarse, shown)
        hole = hole & ~heart
    out = shown.clone()
    for part, (top, left, bottom, right) in _parts(hole):
        if not (part & wanted[top:bottom, left:right]).any():
            continue
        rows, columns = _crop(top, bottom, hole.shape[0]), _crop(left, right, hole.shape[1])
        spot = int(part.sum()) >= SPOT * max(part.shape) ** 2
        painted = _shown(painter, shown[:, rows, columns], hole[rows, columns], spot=spot)
        painted = painted[:, top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
        target = out[:, top:bottom, left:right]
        target.copy_(torch.where(torch.from_numpy(part).to(shown.device), painted, target))
    return out


def _shown(painter: Painter, crop: Tensor, hole: Mask, *, spot: bool) -> Tensor:
    """One crop `(3, h, w)` painted, made up to whole blocks by what is not known; for a spot by FSR as well."""
    height, width = hole.shape
    more = (0, -width % BLOCK, 0, -height % BLOCK)
    known = torch.from_numpy(~hole).to(crop.device, crop.dtype)
    with torch.inference_mode():
        whole = painter(functional.pad(crop, more)[None], functional.pad(known, more)[None, None])
    painted = torch.as_tensor(whole)[0, :, :height, :width].clone()
    if not spot:
        return painted
    other = _extrapolated(np.ascontiguousarray(crop.cpu().numpy()), hole)
    return (painted + torch.from_numpy(other).to(painted.device)) / 2


def _parts(hole: Mask) -> Iterator[tuple[Mask, Box]]:
    """The pieces of a hole that do not touch, large ones cut into cells: each as a mask in its box."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        x, y, w, h = (int(value) for value in stats[label][:4])
        for top in range(y, y + h, CELL):
            for left in range(x, x + w, CELL):
                bottom, right = min(top + CELL, y + h), min(left + CELL, x + w)
                part = np.asarray(labels[top:bottom, left:right] == label)
                if part.any():
                    yield part, (top, left, bottom, right)


def _crop(start: int, stop: int, length: int) -> slice:
    """What is shown of a row or a column around a part of it: as long as the smallest crop that gives it context."""
    size = min(next(size for size in CROPS if size >= stop - start + 2 * CONTEXT), length)
    first = min(max((start + stop - size) // 2, 0), length - size)
    return slice(first, first + size)


def _halved(shown: Tensor, hole: Mask, wanted: Mask) -> tuple[Tensor, Mask, Mask]:
    """The picture at half the size, of what is known alone; what of it is not; and which of that is wanted."""
    known = torch.from_numpy(~hole).to(shown.device, shown.dtype)[None, None]
    share = functional.avg_pool2d(known, 2, ceil_mode=True)
    half = functional.avg_pool2d(shown[None] * known, 2, ceil_mode=True) / torch.clamp(share, min=0.25)
    asked = functional.max_pool2d(torch.from_numpy(wanted)[None, None].float(), 2, ceil_mode=True)
    return half[0], np.asarray(share[0, 0].cpu().numpy() == 0), np.asarray(asked[0, 0].numpy() > 0)


def _classical(shown: Floats, hole: Mask, method: Literal["telea", "navier-stokes", "fsr"]) -> Floats:
    """Brightness `(3, h, w)` with its holes filled by OpenCV."""
    if method == "fsr":
        return _extrapolated(shown, hole)
    flag = cv2.INPAINT_TELEA if method == "telea" else cv2.INPAINT_NS
    planes = [cv2.inpaint(plane * np.float32(ROUNDING), hole.astype(np.uint8), RADIUS, flag) for plane in shown]
    return np.asarray(np.stack(planes) / ROUNDING, np.float32)


def _extrapolated(shown: Floats, hole: Mask) -> Floats:
    """Brightness `(3, h, w)` with its holes filled by FSR.

    OpenCV 5.0 fills pictures of 8 bits alone, and leaves holes in others as they are without a word: what is known is
    spread over the 8 bits.
    """
    known = shown[:, ~hole]
    low, high = float(known.min()), float(known.max())
    room = max(0.1 * (high - low), 0.01)
    low, step = low - room, (high - low + 2 * room) / 255
    codes = np.rint((shown - low) / step).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    codes = np.where(hole[..., None], np.uint8(0), codes)
    filled = codes.copy()
    cv2.xphoto.inpaint(codes, (~hole).astype(np.uint8), filled, cv2.xphoto.INPAINT_FSR_FAST)
    return np.asarray(filled.transpose(2, 0, 1) * np.float32(step) + np.float32(low), np.float32)
