"""A frame fetched at places between its pixels, sharply, at the exact place and without halos.

Eight samples an axis are weighted so that every frequency up to 0.35 cycles per pixel passes as well as it can, in the
least-squares sense, while flat areas and slopes keep their values exactly; a windowed sinc of the same length is less
even, and misplaces slopes by up to 0.015 pixels. At a whole pixel the weights are one and zeros, and the pixel comes
back with the very same number.

Laakso, Valimaki, Karjalainen, Laine, Splitting the unit delay, IEEE Signal Processing Magazine 13(1), 1996.
doi:10.1109/79.482137

A movement of the whole frame is smooth, so it is made in two passes, along rows and then along columns: Catmull, Smith,
3-D transformations of images in scanline order, SIGGRAPH 1980. doi:10.1145/800250.807505. Lines of pixels that lie
close together move nearly alike: a strip of them is worked out as if all lay like its first and as if all lay like its
last, exactly, and is shared out between the two. What would ring beyond an edge is held to the range of the pixels
around.

A dense displacement need not be smooth, and is followed pixel by pixel.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from numpy.typing import NDArray
from torch import Tensor

from restorers.geometry.motion import Flow
from restorers.geometry.movement import Floats, Movement

TAPS = 8
BEFORE = TAPS // 2 - 1
BAND = 0.35  # cycles per pixel
DEGREE = 3
STRIPS = (128, 96, 64, 48, 32, 24, 16, 8)
TURN = 0.15  # pixels between a strip's first and last line
SAG = 0.005  # pixels between a strip's middle and a straight line
BLOCK = 32
BLOCKS = 32
TILE = 128


def moved(frame: Tensor, movement: Movement) -> Tensor:
    """A frame `(C, H, W)` laid along a smooth movement, `(C, factor H, factor W)`, its edge repeated.

    Where nothing moves it comes back with the very same numbers.

    Raises:
        ValueError: the movement is one of frames of another size.
    """
    height, width = frame.shape[-2:]
    if (height, width) != movement.frame:
        raise ValueError(f"the movement is one of frames {movement.frame}, not {(height, width)}")
    if movement.still:
        return frame.clone()
    frame = frame.contiguous()
    wider = _laid(frame, movement.columns, movement.factor)[..., : movement.size[1]]
    larger = _laid(wider.transpose(1, 2), movement.rows, movement.factor).transpose(1, 2)
    return _held(larger[:, : movement.size[0]], frame, movement)


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
        return F.grid_sample(frame[None], grid[None], "bicubic", "border", align_corners=True)[0]
    places = x.numpy(), y.numpy()
    planes = [cv2.remap(plane, *places, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE) for plane in frame.numpy()]
    return torch.from_numpy(np.stack(planes))


def displacement(flow: Flow, size: tuple[int, int]) -> Tensor:
    """A small picture's flow as displacement `(2, H, W)` of a frame of `size` (height, width), in its pixels."""
    height, width = flow.shape[:2]
    field = torch.from_numpy(flow).permute(2, 0, 1)
    if (height, width) != size:
        field = F.interpolate(field[None], size=size, mode="bilinear", align_corners=False)[0]
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


def _laid(lines: Tensor, places: Callable[[Floats], Floats], factor: int) -> Tensor:
    """Lines `(C, L, N)` fetched at the places `(n, M)` that some of them ask for, `(C, L, M + up to 31)`.

    Blocks of 32 places each lie over a few samples, and are a matrix product of them.
    """
    edges = _edges(places, lines.shape[1])
    at = places(edges.astype(np.float64))
    channels, length, _ = lines.shape
    upright = lines.stride(1) == 1  # the samples of a line lie below one another
    step, count = BLOCK // factor, -(-at.shape[1] // BLOCK)
    at = np.pad(at, ((0, 0), (0, count * BLOCK - at.shape[1])), mode="edge").reshape(len(at), count, BLOCK)
    at = at - step * np.arange(count)[:, None]
    source, begin = _padded(lines, int(np.floor(at.min())) - BEFORE, step * (count - 1) + int(at.max()) + TAPS - BEFORE)
    out = lines.new_empty((channels, count * BLOCK, length) if upright else (channels, length, count * BLOCK))
    for first in range(0, count, BLOCKS):
        span = slice(first * BLOCK, min(first + BLOCKS, count) * BLOCK)
        least, matrices = _matrices(at[:, first : first + BLOCKS], lines)
        for strip, matrix in enumerate(matrices):
            begins, ends = int(edges[strip]), int(edges[strip + 1])
            rows = slice(begins, length if ends == length - 1 else ends)
            share = torch.arange(rows.stop - begins, device=lines.device) / max(ends - begins, 1)
            for plane, target in zip(source[:, rows, step * first + least - begin :], out, strict=True):
                strides = (step * plane.stride(1), *plane.stride())
                view = plane.as_strided((len(matrix), len(share), matrix.shape[1]), strides, plane.storage_offset())
                if upright:
                    made = torch.bmm(matrix.transpose(1, 2), view.transpose(1, 2))
                    into = target[span, rows].unflatten(0, (-1, BLOCK))
                    torch.lerp(made[:, :BLOCK], made[:, BLOCK:], share, out=into)
                else:
                    made = torch.bmm(view, matrix)
                    into = target[rows, span].unflatten(1, (-1, BLOCK)).transpose(0, 1)
                    torch.lerp(made[..., :BLOCK], made[..., BLOCK:], share[:, None], out=into)
    return out.transpose(1, 2) if upright else out


def _edges(places: Callable[[Floats], Floats], length: int) -> NDArray[np.int64]:
    """The first line of each strip, as high as what lies between can be shared out, and the last line of all."""
    probes, apart = np.linspace(0, length - 1, 33), max((length - 1) / 32, 1)
    at = places(probes)
    slope, bend = (np.abs(np.diff(at, order, axis=0)).max() / apart**order for order in (1, 2))
    height = next((n for n in STRIPS if n * slope < TURN and n**2 / 8 * bend < SAG), STRIPS[-1])
    return np.append(np.arange(0, max(length - 1, 1), height), length - 1)


def _matrices(at: Floats, like: Tensor) -> tuple[int, Tensor]:
    """What each sample gives to each place, `(S, blocks, K, 64)`: for the first and for the last line of each strip.

    Places `(E, blocks, 32)` are counted from the start of their block; the first of the K samples is returned too.
    """
    whole = np.floor(at)
    least = int(whole.min()) - BEFORE
    count = int(whole.max()) + TAPS - BEFORE - least
    fraction = torch.from_numpy((at - whole).astype(np.float32)).to(like.device)
    first = torch.from_numpy(whole.astype(np.int64) - BEFORE - least).to(like.device)
    taps = torch.arange(TAPS, device=like.device)[:, None]
    matrices = like.new_zeros((*at.shape[:2], count, BLOCK))
    matrices.scatter_(2, first.unsqueeze(2) + taps, _kernel(fraction).movedim(0, 2))
    return least, torch.cat((matrices[:-1], matrices[1:]), dim=-1)


def _padded(lines: Tensor, first: int, stop: int) -> tuple[Tensor, int]:
    """Samples first <= n < stop of lines `(C, L, N)` at least, the ends repeated; and the number of the first."""
    channels, length, samples = lines.shape
    before, behind = max(-first, 0), max(stop - samples, 0)
    every = before + samples + behind
    upright = lines.stride(1) == 1
    out = lines.new_empty((channels, every, length) if upright else (channels, length, every))
    wide = out.transpose(1, 2) if upright else out
    wide[..., before : before + samples] = lines
    wide[..., :before] = lines[..., :1]
    wide[..., before + samples :] = lines[..., -1:]
    return wide, -before


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


def _held(picture: Tensor, frame: Tensor, movement: Movement) -> Tensor:
    """The picture `(C, factor H, factor W)`, nowhere beyond the range of the frame around where it comes from.

    Around are the two pixels to each side, or a few more, as many for all of the picture as its most uneven part needs.
    """
    factor = movement.factor
    shifts, before, behind = _shifts(movement)
    rim = int(np.abs(shifts).max())
    least, most = _extremes(frame, before, behind, rim)
    for row, shifts_across in enumerate(shifts):
        for column, (down, across) in enumerate(shifts_across):
            tile = picture[:, row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            top, left = row * TILE // factor + rim + int(down), column * TILE // factor + rim + int(across)
            part = slice(top, top + tile.shape[1] // factor), slice(left, left + tile.shape[2] // factor)
            torch.minimum(tile, _enlarged(most[:, *part], factor), out=tile)
            torch.maximum(tile, _enlarged(least[:, *part], factor), out=tile)
    return picture


def _shifts(movement: Movement) -> tuple[NDArray[np.int64], tuple[int, int], tuple[int, int]]:
    """Whole pixels y, x that the tiles of a picture move, `(n, m, 2)`; and how far their samples reach up and down."""
    points = slice(TILE // 32, None, TILE // 16)
    moved = movement.displacement(points, points)[::-1]
    every = [np.arange(0, length, 16) for length in moved.shape[1:]]
    least, most = (
        extreme.reduceat(extreme.reduceat(moved, every[0], axis=1), every[1], axis=2)
        for extreme in (np.minimum, np.maximum)
    )
    shifts = np.rint((least + most) / 2)
    slack = 0.1 + (1 - 1 / movement.factor) / 2
    before = np.floor((least - shifts).min(axis=(1, 2)) - slack) - 1
    behind = np.floor((most - shifts).max(axis=(1, 2)) + slack) + 2
    return shifts.astype(np.int64).transpose(1, 2, 0), _pair(-before), _pair(behind)


def _pair(values: Floats) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _extremes(frame: Tensor, before: tuple[int, int], behind: tuple[int, int], rim: int) -> tuple[Tensor, Tensor]:
    """Least and greatest of the pixels from so many before to so many behind each, y and x.

    Both `(C, H + 2 rim, W + 2 rim)`: the edge is repeated.
    """
    (up, left), (down, right) = before, behind
    found = []
    for sign in (-1, 1):
        if frame.is_cuda:
            padded = F.pad(sign * frame[None], (left, right, up, down), mode="replicate")
            planes = sign * F.max_pool2d(padded, (up + down + 1, left + right + 1), 1)[0]
        else:
            around = np.ones((up + down + 1, left + right + 1), np.uint8)
            change = cv2.dilate if sign > 0 else cv2.erode
            planes = torch.empty_like(frame)
            for plane, target in zip(frame.numpy(), planes.numpy(), strict=True):
                change(plane, around, dst=target, anchor=(left, up))
        found.append(F.pad(planes[None], (rim, rim, rim, rim), mode="replicate")[0])
    return found[0], found[1]


def _enlarged(part: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return part
    return part.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)


def _asked(place: Tensor) -> Tensor:
    """The place at which the cubic kernel puts a slope where `place` says.

    With s and t the places asked for and wanted, from the middle between two pixels, it solves 4 s^3 + 3 s = 4 t.
    """
    whole = place.floor()
    wanted = (place - whole).sub_(0.5)
    return wanted.mul_(4).asinh_().div_(3).sinh_().add_(0.5).add_(whole)
