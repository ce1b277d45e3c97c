"""How close frames come to the truth, as rows of a result."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.metrics.fidelity import color_difference, decibels, ssim
from restorers.restorer import Bench
from tasks.demo.scores import LEAST_ERROR, flicker, looked_at, off_path, unsteadiness
from tests.benchmarks.footage import coded, decoded
from tests.benchmarks.peers import Frames
from tests.benchmarks.result import Row


def color_rows(case: str, method: str, film: Clip, done: Frames) -> Iterator[Row]:
    """Mean CIEDE2000 over all pixels."""
    pairs = zip(decoded(coded(film)).frames, decoded(done).frames, strict=True)
    error = torch.stack([color_difference(truth, frame, Space.SRGB).mean() for truth, frame in pairs])
    yield _row(case, method, "color error", float(error.mean()), unit="dE2000", n=len(film))


def movement_rows(case: str, method: str, film: Clip, done: Frames, bench: Bench) -> Iterator[Row]:
    """How the frames move against the truth."""
    paths = looked_at(decoded(done).in_space(Space.DENSITY), film, bench).paths
    yield _row(case, method, "unsteadiness", unsteadiness(paths), unit="px", n=len(film))
    yield _row(case, method, "frame off its path", off_path(paths), unit="px", n=len(film))


def light_rows(case: str, method: str, film: Clip, done: Frames, bench: Bench) -> Iterator[Row]:
    """How the light changes against the truth."""
    look = looked_at(decoded(done).in_space(Space.DENSITY), film, bench)
    yield _row(case, method, "flicker", flicker(look), unit="density", n=len(film))


def dirt_rows(case: str, method: str, clean: Frames, done: Frames, mask: NDArray[np.bool_]) -> Iterator[Row]:
    """PSNR where dirt lay, and where none did."""
    error = ((clean.astype(np.float32) - done) / 255) ** 2
    near = np.stack([cv2.dilate(m.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0 for m in mask])
    yield _row(case, method, "PSNR in dirt", _capped(error[mask].mean()), unit="dB", n=len(clean))
    yield _row(case, method, "PSNR elsewhere", _capped(error[~near].mean()), unit="dB", n=len(clean))


def fidelity_rows(case: str, method: str, truth: Frames, done: Frames) -> Iterator[Row]:
    """PSNR and SSIM of whole frames, their edges left out."""
    a, b = (decoded(frames).frames[..., 8:-8, 8:-8] for frames in (truth, done))
    error = float(((a - b) ** 2).mean(dtype=torch.float64))
    alike = float(np.mean([ssim(x, y) for x, y in zip(a, b, strict=True)]))
    yield _row(case, method, "PSNR", _capped(error), unit="dB", n=len(truth))
    yield _row(case, method, "SSIM", alike, unit="", n=len(truth))


def halved(frames: Frames) -> Frames:
    """Half the size, each pixel the mean of four."""
    half = frames.shape[2] // 2, frames.shape[1] // 2
    return np.stack([cv2.resize(frame, half, interpolation=cv2.INTER_AREA) for frame in frames])


def joined(clips: Sequence[Clip]) -> Clip:
    """Clips one after the other, numbered from 0."""
    return Clip(torch.cat([clip.frames for clip in clips]), clips[0].space, 0)


def _capped(error: float) -> float:
    return decibels(max(float(error), LEAST_ERROR))


def _row(case: str, method: str, metric: str, value: float, *, unit: str, n: int) -> Row:
    return Row(case=case, method=method, metric=metric, value=value, unit=unit, spread=0.0, n=n)
