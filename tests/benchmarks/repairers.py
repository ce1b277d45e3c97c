"""Ours and its peers at work on spoilt shots: finding by themselves, or told where the damage is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from restorers.cleaning.found import Found
from restorers.cleaning.mending import Fill, Grain, mended
from restorers.cleaning.mends import Mending
from restorers.cleaning.shelf import REACH, Shelf
from restorers.colorspace import Space
from restorers.detail import granularity
from restorers.render import Footage, Held, Span
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.benchmarks.footage import coded, decoded
from tests.benchmarks.peers import CLEANERS, Frames, Peer, median_and_inpainting, temporal_median
from tests.benchmarks.spoilt import Mask

THRESHOLD = 25  # levels: of the usual recipe with OpenCV

FINDERS: Mapping[str, Peer] = {
    "temporal median": temporal_median,
    "median and Telea": partial(median_and_inpainting, threshold=THRESHOLD),
    **CLEANERS,
}
"""Peers that find damage by themselves, or smooth whatever they are given."""


@dataclass(frozen=True, eq=False)
class Repaired:
    """What repair made of a shot: frames, where it replaced pixels `(T, H, W)`, and its remedy."""

    done: Frames
    mended: Mask
    remedy: Mending


def ours(found: Frames, treatment: Repair | None = None, *, workers: int = 1) -> Repaired:
    """Examination and application."""
    bench = Bench(workers=workers)
    shot = _footage(found, bench)
    return _applied(shot, (treatment or Repair()).examine(shot, bench))


def ours_told(found: Frames, masks: Mask, *, fill: Fill = "network", grain: Grain = "own") -> Repaired:
    """Mends of what a mask `(T, H, W)` points out, each connected part by itself."""
    bench = Bench()
    shot = _footage(found, bench)
    model = granularity.measured(shot)
    parts = {number: _parts(mask, frame) for number, (mask, frame) in enumerate(zip(masks, found, strict=True))}
    mends = []
    for numbers, clip in shot.windows(halo=REACH):
        shelf = Shelf(clip, model, parts)
        mends += [mended(shelf, n, part, bench, fill=fill, grain=grain) for n in numbers for part in parts[n]]
    return _applied(shot, Mending.of(mends, shot.size, range(shot.first, shot.stop)))


def inpainted(method: int) -> Callable[[Frames, Mask], Frames]:
    """OpenCV's inpainting of masks, a radius of 3 pixels."""

    def peer(found: Frames, masks: Mask) -> Frames:
        pairs = zip(found, masks, strict=True)
        return np.stack([cv2.inpaint(frame, mask.astype(np.uint8), 3, method) for frame, mask in pairs])

    return peer


def extrapolated(found: Frames, masks: Mask) -> Frames:
    """Frequency selective reconstruction of OpenCV's xphoto, its fast setting."""
    out = found.copy()
    for frame, mask in zip(out, masks, strict=True):
        if mask.any():
            kept = np.where(mask, 0, 255).astype(np.uint8)
            done = np.zeros_like(frame)
            cv2.xphoto.inpaint(np.ascontiguousarray(frame), kept, done, cv2.xphoto.INPAINT_FSR_FAST)
            frame[mask] = done[mask]
    return out


def median_told(found: Frames, masks: Mask) -> Frames:
    """The temporal median in the masks, without motion compensation."""
    return np.where(masks[..., None], temporal_median(found), found)


FILLERS: Mapping[str, Callable[[Frames, Mask], Frames]] = {
    "Telea": inpainted(cv2.INPAINT_TELEA),
    "Navier-Stokes": inpainted(cv2.INPAINT_NS),
    "FSR": extrapolated,
    "temporal median": median_told,
}
"""Peers that are told where the damage is."""


def grown(masks: Mask, pixels: int = 1) -> Mask:
    """Masks with a rim of so many pixels more."""
    square = np.ones((2 * pixels + 1,) * 2, np.uint8)
    return np.stack([cv2.dilate(mask.astype(np.uint8), square) > 0 for mask in masks])


def _footage(found: Frames, bench: Bench) -> Footage:
    return Footage(Held(decoded(found)), (Span(0, len(found)),), Space.DENSITY, bench)


def _applied(shot: Footage, remedy: Mending) -> Repaired:
    span = replace(shot.spans[0], remedies=(remedy,))
    clips = [clip for _, clip in replace(shot, spans=(span,)).windows()]
    frames = np.concatenate([coded(clip) for clip in clips])
    marks = np.concatenate([clip.origin.numpy() for clip in clips])
    return Repaired(frames, marks > 0, remedy)


def _parts(mask: np.ndarray, frame: Frames) -> list[Found]:
    gray = frame.mean(-1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = []
    for index in range(1, count):
        x, y, w, h, _ = (int(n) for n in stats[index])
        within = labels[y : y + h, x : x + w] == index
        rim = np.s_[max(y - 3, 0) : y + h + 3, max(x - 3, 0) : x + w + 3]
        outside = gray[rim][labels[rim] == 0]
        bright = bool(outside.size) and gray[y : y + h, x : x + w][within].mean() > outside.mean()
        parts.append(Found((y, x, y + h, x + w), within, "bright" if bright else "dark", 10.0, 1.0, "marked"))
    return parts
