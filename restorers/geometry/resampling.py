"""A frame fetched at places between its pixels, sharply, at the exact place and without halos.

Eight samples an axis are weighted so that every frequency up to 0.35 cycles per pixel passes as well as it can, in the
least-squares sense, while flat areas and slopes keep their values exactly; a windowed sinc of the same length is less
even, and misplaces slopes by up to 0.015 pixels. At a whole pixel the weights are one and zeros, and the pixel comes
back with the very same number.

Laakso, Valimaki, Karjalainen, Laine, Splitting the unit delay, IEEE Signal Processing Magazine 13(1), 1996.
doi:10.1109/79.482137

A movement of the whole frame is smooth, so it is made in two passes, along rows and then along columns: Catmull, Smith,
3-D transformations of images in scanline order, SIGGRAPH 1980. doi:10.1145/800250.807505. What would ring beyond an
edge is held to the range of the pixels around, three to each side.

A dense displacement need not be smooth, and is followed pixel by pixel.
"""

from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.geometry import scanlines
from restorers.geometry.motion import Flow
from restorers.geometry.movement import Floats, Movement, Tables
from restorers.geometry.scanlines import BEFORE, TAPS, Singles

BAND = 0.35  # cycles per pixel
DEGREE = 3


def moved(frame: Tensor, movement: Movement, out: Tensor | None = None) -> Tensor:
    """A frame `(C, H, W)` laid along a smooth movement, `(C, factor H, factor W)`, its edge repeated.

    Where nothing moves it comes back with the very same numbers.

    Args:
        frame: `(C, H, W)`.
        movement: of frames of that size.
        out: what is filled, if not a new tensor.

    Raises:
        ValueError: the movement is one of frames of another size.
    """
    height, width = frame.shape[-2:]
    if (height, width) != movement.frame:
        raise ValueError(f"the movement is one of frames {movement.frame}, not {(height, width)}")
    out = frame.new_empty((len(frame), *movement.size)) if out is None else out
    if movement.still:
        return out.copy_(frame)
    tables = movement.tables()
    if frame.is_cuda:
        return out.copy_(fetched(frame, tables))
    across, down, shifts = tables
    filled = out if movement.factor == 1 else torch.empty_like(out)
    by_phase = filled.view(len(frame), -1, movement.factor, width).numpy()
    scanlines.laid(frame.contiguous().numpy(), across, down, shifts, _bend()[:4], by_phase)
    return out if filled is out else out.copy_(_side_by_side(torch.from_numpy(by_phase)))


def fetched(frame: Tensor, tables: Tables) -> Tensor:
    """What `moved` gives, by whole tensors at once instead of line by line: for a device that has the memory."""
    height, width = frame.shape[-2:]
    factor = len(tables.shifts)
    at = _on_rows(tables.across, height, frame)
    taps = _taps(frame, at.floor().long() + torch.arange(width, device=frame.device).repeat(factor), 2)
    wide, least, most = (_kernel(at - at.floor())[:, None] * taps).sum(0), taps[1:-1].amin(0), taps[1:-1].amax(0)
    rows = torch.arange(factor * height, device=frame.device)[:, None]
    at = _on_rows(tables.down, factor * height, frame) + torch.from_numpy(tables.shifts).to(frame)[rows % factor]
    whole = at.floor().long() + rows // factor
    picture = (_kernel(at - at.floor())[:, None] * _taps(wide, whole, 1)).sum(0)
    least, most = _taps(least, whole, 1)[1:-1].amin(0), _taps(most, whole, 1)[1:-1].amax(0)
    return _side_by_side(picture.clamp(least, most).reshape(len(frame), -1, factor, width))


def carried(plane: Singles, movement: Movement) -> Singles:
    """A plane `(H, W)` that says something of a frame's pixels, laid where a picture shows them, its edge repeated."""
    x, y = movement.places().astype(np.float32)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE), np.float32)


def greatest(marks: NDArray[np.uint8], movement: Movement) -> NDArray[np.uint8]:
    """Marks `(H, W)` of a frame laid along a movement: of all the pixels that one is made of, the greatest mark."""
    around = cv2.dilate(marks, np.ones((TAPS + 1, TAPS + 1), np.uint8))
    x, y = movement.places().astype(np.float32)
    return np.asarray(cv2.remap(around, x, y, cv2.INTER_NEAREST, None, cv2.BORDER_REPLICATE), np.uint8)


def resampled(frames: Tensor, displacement: Tensor) -> Tensor:
    """Frames fetched along any displacement: `out(x) = frame(x + displacement(x))`, edge repeated.

    A frame whose displacement is zero everywhere comes back with the very same numbers. Cubic, softer than `moved`.
    The cubic kernel that OpenCV and PyTorch have, Keys' with a = -0.75, puts a slope at a fraction f of a pixel to
    f - (f - 1/2) ((f - 1/2)^2 - 1/4) instead; it is asked for the fraction that it puts to the right place.

    Args:
        frames: `(T, C, H, W)`.
        displacement: `(T, 2, H, W)`, x then y, in pixels.
    """
    height, width = frames.shape[-2:]
    y = torch.arange(height, dtype=torch.float32, device=frames.device)[:, None]
    x = torch.arange(width, dtype=torch.float32, device=frames.device)
    out = torch.empty_like(frames)
    for frame, (dx, dy), target in zip(frames, displacement, out, strict=True):
        if bool(dx.any()) or bool(dy.any()):
            target.copy_(sampled(frame, x + dx, y + dy))
        else:
            target.copy_(frame)
    return out


def sampled(frame: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What a frame `(C, H, W)` shows at places x and y `(h, w)` in pixels, `(C, h, w)`; as soft as `resampled`."""
    height, width = frame.shape[-2:]
    x, y = _asked(x), _asked(y)
    if frame.is_cuda:
        grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)
        return functional.grid_sample(frame[None], grid[None], "bicubic", "border", align_corners=True)[0]
    places = x.numpy(), y.numpy()
    planes = [cv2.remap(plane, *places, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE) for plane in frame.numpy()]
    return torch.from_numpy(np.stack(planes))


def displacement(flow: Flow, size: tuple[int, int]) -> Tensor:
    """A small picture's flow as displacement `(2, H, W)` of a frame of `size` (height, width), in its pixels."""
    height, width = flow.shape[:2]
    field = torch.from_numpy(flow).permute(2, 0, 1)
    if (height, width) != size:
        field = functional.interpolate(field[None], size=size, mode="bilinear", align_corners=False)[0]
        field = field * field.new_tensor([size[1] / width, size[0] / height]).view(2, 1, 1)
    return field


def outside(displacement: Tensor) -> Tensor:
    """Pixels whose source lies beyond the frame's edge by more than half a pixel, bool `(..., H, W)`.

    Args:
        displacement: `(..., 2, H, W)` in pixels.
    """
    height, width = displacement.shape[-2:]
    x = torch.arange(width, dtype=torch.float32, device=displacement.device) + displacement[..., 0, :, :]
    y = torch.arange(height, dtype=torch.float32, device=displacement.device)[:, None] + displacement[..., 1, :, :]
    return (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)


def _side_by_side(picture: Tensor) -> Tensor:
    """A picture `(C, H, factor, W)`, its columns by phase, with its columns in order."""
    return picture.transpose(2, 3).flatten(2)


def _on_rows(table: Singles, count: int, like: Tensor) -> Tensor:
    """What a table of places says on so many rows, from the upper edge to the lower, `(count, factor W)`."""
    knots = torch.from_numpy(table).to(like).flatten(1)
    at = (torch.arange(count, dtype=torch.float64, device=like.device) + 0.5) / count * (len(knots) - 1)
    before = at.long().clamp(max=len(knots) - 2)
    return torch.lerp(knots[before], knots[before + 1], (at - before).to(knots)[:, None])


def _taps(samples: Tensor, whole: Tensor, axis: int) -> Tensor:
    """The eight samples of `(C, H, W)` around places along an axis, `(8, C, *whole.shape)`, the edge repeated."""
    around = [(whole + tap - BEFORE).clamp(0, samples.shape[axis] - 1) for tap in range(TAPS)]
    return torch.stack([samples.gather(axis, place.expand(len(samples), -1, -1)) for place in around])


def _kernel(fraction: Tensor) -> Tensor:
    """Weights `(8, ...)` of the samples around places that lie a fraction `(...)` behind the fourth."""
    bend = torch.from_numpy(_bend()).to(fraction.device)
    bulge, middle = fraction * (1 - fraction), fraction - 0.5
    weights = torch.zeros((TAPS, *fraction.shape), dtype=fraction.dtype, device=fraction.device)
    for degree in reversed(range(DEGREE + 1)):
        weights.mul_(middle).add_(bend[:, degree].view(-1, *(1 for _ in fraction.shape)))
    weights.mul_(bulge)
    weights[BEFORE].add_(1 - fraction)
    weights[BEFORE + 1].add_(fraction)
    return weights


@lru_cache(maxsize=1)
def _bend() -> NDArray[np.float32]:
    """What the weights are beyond those of a straight line between two samples, `(8, 4)` polynomials, float32."""
    fractions = (np.arange(64) + 0.5) / 64
    taps = np.arange(TAPS) - BEFORE
    straight = np.maximum(1 - np.abs(taps[:, None] - fractions), 0)
    beyond = np.stack([_weights(fraction) for fraction in fractions], axis=1) - straight
    powers = np.vander(fractions - 0.5, DEGREE + 1, increasing=True) * (fractions * (1 - fractions))[:, None]
    return np.asarray(np.linalg.lstsq(powers, beyond.T, rcond=None)[0].T, np.float32)


def _weights(fraction: float) -> Floats:
    """The eight weights that pass frequencies up to `BAND` best, and constants and slopes exactly.

    Laakso et al. 1996, general least squares: the matrix and the vector are integrals over the band.
    """
    taps = np.arange(TAPS) - BEFORE
    inner = 2 * BAND * np.sinc(2 * BAND * (taps[:, None] - taps))
    wanted = 2 * BAND * np.sinc(2 * BAND * (taps - fraction))
    kept = np.stack((np.ones(TAPS), taps))
    system = np.block([[inner, kept.T], [kept, np.zeros((2, 2))]])
    return np.asarray(np.linalg.solve(system, np.concatenate((wanted, [1, fraction])))[:TAPS])


def _asked(place: Tensor) -> Tensor:
    """The place at which the cubic kernel puts a slope where `place` says.

    With s and t the places asked for and wanted, from the middle between two pixels, it solves 4 s^3 + 3 s = 4 t.
    """
    whole = place.floor()
    wanted = (place - whole).sub_(0.5)
    return wanted.mul_(4).asinh_().div_(3).sinh_().add_(0.5).add_(whole)
