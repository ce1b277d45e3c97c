"""How close a restored reel came to the film it was before it aged.

Everything is measured on frames, on the scan and on the restored film alike, so that no stage is believed on its own
word. A frame is laid on its clean original by dense flow, of which an affine movement and the eight cosine modes of the
gate's warp are kept; what that movement is, is unsteadiness, and what remains after it is light, color and dirt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import gaussian_filter1d

from restorers.clip import Clip, Origin
from restorers.colorspace import Space, luma
from restorers.damage.shaking import cosine_modes
from restorers.geometry.motion import flow, luma_for_flow, texture
from restorers.geometry.resampling import resampled
from restorers.metrics.fidelity import color_difference, decibels, squared_error, ssim
from restorers.restorer import Bench
from tasks.demo.reel import ShotTruth, clean_frames, dirt_masks

BLOCK = 12  # pixels; color and light are read from the medians of such blocks, which dirt and grain do not move
TREND = 6  # frames; slower movement than this is drift, not unsteadiness
LEAST_DIRT = 0.1  # density by which dirt must stand out to be counted
ITERATIONS = 8
RIDGE = 1e-4  # of the mean curvature: holds modes that the picture says nothing about
EDGE = 8  # pixels at the frame's edge, where a steadied frame has nothing to show, that fidelity and repair leave out
NEAR = 3  # pixels about dirt that a repair may touch

LEAST_ERROR = 1 / (12 * 1023**2)  # mean square error of rounding to 10 bit: nothing is closer than that

Floats: TypeAlias = NDArray[np.float32]


class Row(BaseModel):
    """One measure of one stage, of the scan and of the restored film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shot: str
    stage: str
    measure: str
    before: float = Field(description="as scanned")
    after: float = Field(description="as restored")
    unit: str


@dataclass(frozen=True, eq=False)
class Look:
    """What the frames of one shot show, against their originals.

    Attributes:
        paths: displacement against the original on a coarse grid, `(T, 2, 8, 8)`, pixels.
        film: medians of the originals' blocks, density `(T, 3, h, w)`.
        seen: medians of the laid frames' blocks, density `(T, 3, h, w)`.
        laid: the frames laid on their originals by it, density `(T, 3, H, W)`.
        gain: density of the frames per density of the original, each layer.
        offset: density of the frames where the original has none.
        light: what the light does on each block, `(T, 3, h, w)`, density of the original.
    """

    paths: NDArray[np.float64]
    film: Floats
    seen: Floats
    laid: Floats
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    light: Floats


def demo_table(folder: Path, shots: Iterable[tuple[ShotTruth, Clip, Clip]], bench: Bench) -> tuple[Row, ...]:
    """How close each stage came, shot by shot.

    Args:
        folder: where the truth lies.
        shots: each with its frames as scanned and as restored, at the scan's size or a multiple of it, any space.
        bench: lends its threads.
    """
    return tuple(row for shot, scan, restored in shots for row in _compared(folder, shot, scan, restored, bench))


def _compared(folder: Path, shot: ShotTruth, scan: Clip, restored: Clip, bench: Bench) -> list[Row]:
    clean = clean_frames(folder, shot.first, shot.stop)
    dirt = dirt_masks(folder, shot.first, shot.stop, clean.size)
    replaced = _reduced_marks(restored, clean.size)
    clips = scan.in_space(Space.DENSITY), _reduced(restored.in_space(Space.DENSITY), clean.size)
    before, after = (looked_at(clip, clean, bench) for clip in clips)
    left = _dirt_left(before, after, clean, dirt)
    wide = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    sound = ~np.stack([cv2.dilate(mask.astype(np.uint8), wide) > 0 for mask in np.any(dirt, axis=0)])
    sound &= _within(clean.size, EDGE)
    fidelity = [_fidelity(clip, look, clean, bench) for clip, look in zip(clips, (before, after), strict=True)]
    table: tuple[tuple[str, str, float, float, str], ...] = (  # stage, measure, before, after, unit
        ("decay", "color error", _color_error(before), _color_error(after), "dE2000"),
        ("decay", "worst layer's density", _worst(before), _worst(after), "% off"),
        ("stabilization", "unsteadiness", unsteadiness(before.paths), unsteadiness(after.paths), "px"),
        ("stabilization", "frame off its path", off_path(before.paths), off_path(after.paths), "px"),
        ("deflicker", "flicker", flicker(before), flicker(after), "density"),
        *(("repair", f"{kind} seen", 100.0, 100 * share, "%") for kind, share in left.items()),
        ("repair", "sound picture replaced", 0.0, 100 * float((replaced & sound).sum() / sound.sum()), "%"),
        ("all", "PSNR", fidelity[0][0], fidelity[1][0], "dB"),
        ("all", "SSIM", fidelity[0][1], fidelity[1][1], ""),
    )
    return [
        Row(shot=shot.name, stage=stage, measure=measure, before=old, after=new, unit=unit)
        for stage, measure, old, new, unit in table
    ]


def looked_at(clip: Clip, clean: Clip, bench: Bench) -> Look:
    """What a clip shows against its clean original, both in density and of the same size."""
    film = np.stack([_medians(frame) for frame in clean.frames.numpy()])
    modes = _basis(clean.size)
    fits = bench.map(lambda n: _movement(clean[n], clip[n], modes), clean.numbers)

    def on_its_original(number: int) -> Floats:
        field = np.tensordot(fits[number - clean.first], modes, axes=1).astype(np.float32)
        return np.asarray(resampled(clip[number][None], torch.from_numpy(field)[None])[0].numpy())

    laid = np.stack(bench.map(on_its_original, clean.numbers))
    seen = np.stack(bench.map(_medians, list(laid)))
    gain, offset = np.array([_line(film[:, c], seen[:, c]) for c in range(3)]).T
    light = (seen - offset[:, None, None]) / gain[:, None, None] - film
    paths = np.stack([np.tensordot(fit, _coarse(modes), axes=1) for fit in fits])
    return Look(paths, film, seen, laid, gain, offset, light.astype(np.float32))


def _movement(film: torch.Tensor, seen: torch.Tensor, modes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients `(2, 11)` of the movement that takes the film to what is seen.

    Dense flow to begin with, then Gauss-Newton on the pictures themselves (Lucas and Kanade, IJCAI 1981), in which
    what has no detail, such as a clear sky, has no say; dirt is weighted down as it stands out.
    """
    original, picture = _detail(film), _detail(seen)
    guess = flow(luma_for_flow(film, lines=film.shape[-2]), luma_for_flow(seen, lines=film.shape[-2]))
    fit = _fitted(guess, texture(luma_for_flow(film, lines=film.shape[-2])), modes)
    thinned = slice(4, -4, 2), slice(4, -4, 2)
    slopes = np.stack([np.gradient(original, axis=1)[thinned].ravel(), np.gradient(original, axis=0)[thinned].ravel()])
    basis = modes[:, *thinned].reshape(len(modes), -1)
    jacobian = (slopes[:, None] * basis[None]).reshape(2 * len(modes), -1)
    y, x = np.mgrid[0 : film.shape[-2], 0 : film.shape[-1]].astype(np.float32)
    wanted = original[thinned].ravel()
    for _ in range(ITERATIONS):
        field = np.tensordot(fit, modes, axes=1).astype(np.float32)
        moved = cv2.remap(picture, x + field[0], y + field[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        found = moved[thinned].ravel().astype(np.float64)
        error = found * (wanted @ found / (found @ found)) - wanted
        weights = 1 / (1 + (error / (2.5 * 1.4826 * np.median(np.abs(error)) + 1e-9)) ** 2) ** 2
        normal = (jacobian * weights) @ jacobian.T
        normal += RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal))
        fit = fit - np.linalg.solve(normal, (jacobian * weights) @ error).reshape(2, -1)
    return fit


def _detail(frame: torch.Tensor) -> Floats:
    """The luma's detail: neither its grain nor its light."""
    gray = luma(frame)[0].numpy()
    fine, broad = (cv2.GaussianBlur(gray, (0, 0), radius) for radius in (1.2, 8.0))
    return np.asarray(fine - broad, np.float32)


def _fitted(found: NDArray[np.float32], sure: Floats, modes: NDArray[np.float64]) -> NDArray[np.float64]:
    thinned = slice(2, None, 5), slice(2, None, 5)
    flat = found[thinned].transpose(2, 0, 1).reshape(2, -1).astype(np.float64)
    basis, sure = modes[:, *thinned].reshape(len(modes), -1), sure[thinned].reshape(-1)
    weights, fit = sure.astype(np.float64), np.zeros((2, len(modes)))
    for _ in range(5):
        normal = (basis * weights) @ basis.T + 1e-9 * np.eye(len(basis))
        fit = np.asarray(np.linalg.solve(normal, (basis * weights) @ flat.T).T, np.float64)
        weights = sure / (1 + ((flat - fit @ basis) ** 2).sum(axis=0) / 0.3**2) ** 2
    return fit


def _coarse(modes: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (np.linspace(0, n - 1, 8).round().astype(int) for n in modes.shape[1:])
    return modes[:, rows[:, None], columns[None, :]]


def _basis(size: tuple[int, int]) -> NDArray[np.float64]:
    height, width = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.concatenate([np.stack([np.ones(size), x, y]), cosine_modes(size)])


def _line(film: Floats, seen: Floats) -> tuple[float, float]:
    """Gain and offset between densities, fitted twice, the second time without what is far off."""
    x, y = film.ravel().astype(np.float64), seen.ravel().astype(np.float64)
    keep = np.ones(len(x), np.bool_)
    gain, offset = 1.0, 0.0
    for _ in range(3):
        gain, offset = np.polyfit(x[keep], y[keep], 1)
        error = np.abs(y - gain * x - offset)
        keep = error <= 3 * 1.4826 * np.median(error) + 1e-6
    return float(gain), float(offset)


def _medians(frame: Floats) -> Floats:
    channels, height, width = frame.shape
    rows, columns = height // BLOCK, width // BLOCK
    blocks = frame[:, : rows * BLOCK, : columns * BLOCK].reshape(channels, rows, BLOCK, columns, BLOCK)
    return np.asarray(np.median(blocks, axis=(2, 4)), np.float32)


def _color_error(look: Look) -> float:
    """Mean CIEDE2000 of the blocks' medians."""
    pairs = zip(torch.from_numpy(look.film), torch.from_numpy(look.seen), strict=True)
    return float(torch.stack([color_difference(film, seen, Space.DENSITY) for film, seen in pairs]).mean())


def _worst(look: Look) -> float:
    return float(100 * np.max(np.abs(1 - look.gain)))


def unsteadiness(paths: NDArray[np.float64]) -> float:
    """Root mean square of what moves faster than a slow trend, pixels, of `Look.paths`."""
    trend = gaussian_filter1d(paths, TREND, axis=0, mode="nearest")
    return float(np.sqrt(np.mean(np.sum((paths - trend) ** 2, axis=1))))


def off_path(paths: NDArray[np.float64]) -> float:
    """Root mean square of all movement about the shot's mean, pixels, of `Look.paths`."""
    return float(np.sqrt(np.mean(np.sum((paths - paths.mean(axis=0)) ** 2, axis=1))))


def flicker(look: Look) -> float:
    """Root mean square of what the light does over time on each block, density."""
    moving = look.light.mean(axis=1)
    return float(np.sqrt(np.mean((moving - moving.mean(axis=0)) ** 2)))


def _dirt_left(before: Look, after: Look, clean: Clip, dirt: NDArray[np.bool_]) -> dict[str, float]:
    """Share of the dirty pixels of the scan that still stand out of the restored film; kinds that are there."""
    seen, still = (np.stack([_standing_out(look, clean, t) for t in range(len(clean))]) for look in (before, after))
    noise = 1.4826 * float(np.median(seen[~np.any(dirt, axis=0)]))
    limit = max(LEAST_DIRT, 4 * noise)
    counted = dict(zip(("dust", "scratches"), dirt & (seen > limit), strict=True))
    return {name: float((kind & (still > limit)).sum() / kind.sum()) for name, kind in counted.items() if kind.any()}


def _standing_out(look: Look, clean: Clip, index: int) -> Floats:
    """Density by which each pixel differs from the original, mean of the layers, fading and flicker apart."""
    size = clean.size[1], clean.size[0]
    even = (look.laid[index] - look.offset[:, None, None]) / look.gain[:, None, None]
    light = np.stack([cv2.resize(cv2.GaussianBlur(plane, (0, 0), 2), size) for plane in look.light[index]])
    return np.asarray(np.abs((even - light - clean.frames[index].numpy()).mean(axis=0)), np.float32)


def _fidelity(clip: Clip, look: Look, clean: Clip, bench: Bench) -> tuple[float, float]:
    """PSNR in dB and SSIM as displayed (sRGB); how the whole shot is framed is taken out, unsteadiness is not."""
    modes = _basis(clean.size)
    framing = _spread_out(look.paths.mean(axis=0), modes)

    def scored(number: int) -> tuple[float, float]:
        framed = resampled(clip[number][None], torch.from_numpy(framing)[None])
        shown, film = (
            Clip(frames, Space.DENSITY, number).in_space(Space.SRGB).frames[0, :, EDGE:-EDGE, EDGE:-EDGE]
            for frames in (framed, clean[number][None])
        )
        return decibels(max(squared_error(film, shown), LEAST_ERROR)), ssim(film, shown)

    ratio, alike = np.mean(bench.map(scored, clean.numbers), axis=0)
    return float(ratio), float(alike)


def _spread_out(path: NDArray[np.float64], modes: NDArray[np.float64]) -> Floats:
    fit, *_ = np.linalg.lstsq(_coarse(modes).reshape(len(modes), -1).T, path.reshape(2, -1).T, rcond=None)
    return np.asarray(np.tensordot(fit.T, modes, axes=1), np.float32)


def _within(size: tuple[int, int], edge: int) -> NDArray[np.bool_]:
    return np.pad(np.ones((size[0] - 2 * edge, size[1] - 2 * edge), np.bool_), edge)


def _reduced(clip: Clip, size: tuple[int, int]) -> Clip:
    """The clip at the size of the scan; each pixel the mean of those it became."""
    if clip.size == size:
        return clip
    if clip.size[0] % size[0] or clip.size[1] % size[1]:
        raise ValueError(f"restored frames are {clip.size}, which is no multiple of the demo reel's {size}")
    return Clip(torch.nn.functional.interpolate(clip.frames, size, mode="area"), clip.space, clip.first)


def _reduced_marks(clip: Clip, size: tuple[int, int]) -> NDArray[np.bool_]:
    replaced = ((clip.origin >= Origin.CORRECTED) & (clip.origin != Origin.UNCERTAIN)).float()[:, None]
    return np.asarray(torch.nn.functional.adaptive_max_pool2d(replaced, size)[:, 0].numpy() > 0)
