"""Clips out of H.264 at four rates: what is left of blocks and rings, and how much closer to the original it is.

At twice the size, a contender's frames are measured after halving, on the grid that the codec had.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tests.benchmarks import artifacts, closeness, crops, enlargers, originals
from tests.benchmarks.artifacts import GRIDS
from tests.benchmarks.enlargers import ALONE, BICUBIC
from tests.benchmarks.h264 import compressed
from tests.benchmarks.peers import Ffmpeg, Frames, Peer
from tests.benchmarks.quality import halved
from tests.benchmarks.readings import Extent, Goal, Reading

RATES = (28, 32, 36, 40)
PSNR, GAIN, RINGS, RINGS_LESS = "PSNR", "PSNR more", "rings", "rings less"
BLOCKS, BLOCKS_LESS = "{}-grid", "{}-grid less"
TOLD = f"{enlargers.OURS}, told how coded"
LITTLE_STEP, LITTLE_RING = 0.15, 0.2  # levels, squared levels: less than that is nothing to take off
FOUND = "as found"
CASES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "coded": {f"H.264 crf {crf} x{scale}": (crf, scale) for scale in (1, 2) for crf in RATES}
}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    case: {**{BLOCKS_LESS.format(grid): Goal(90) for grid in GRIDS}, RINGS_LESS: Goal(80), GAIN: Goal(0)}
    for case in CASES["coded"]
}
FILTERS: Mapping[str, Peer] = {
    "ffmpeg deblock": Ffmpeg("format=yuv444p,deblock=filter=strong:block=8", threads=1),
    **{f"ffmpeg spp qp={qp}": Ffmpeg(f"format=yuv444p,spp=quality=4:qp={qp}", threads=1) for qp in (4, 8, 16)},
}


@dataclass(frozen=True)
class Trial:
    """One clip at one rate."""

    case: str
    crf: int
    scale: int
    clip: str


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The clips of a section at every rate."""
    for case, (crf, scale) in CASES[section].items():
        yield from (Trial(case, crf, scale, clip) for clip in originals.clips(extent))


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender leaves of the codec's traces."""
    wanted = originals.original(trial.clip, originals.length(extent))
    clean = halved(wanted) if trial.scale == 2 else wanted
    found = compressed(clean, trial.crf)
    error = float(np.sqrt(np.mean(np.square(found.astype(np.float32) - clean))) / 255)
    treatment, told = (
        enlargers.ours(grain="none", nature="other", coding=coding, scale=trial.scale) for coding in (None, error)
    )
    reference = BICUBIC if trial.scale == 2 else FOUND
    works = {} if trial.scale == 2 else {FOUND: found}
    works |= {enlargers.OURS: enlargers.worked(treatment, found), ALONE: enlargers.alone(treatment, found)}
    works[TOLD] = enlargers.worked(told, found)
    peers = FILTERS if trial.scale == 1 else enlargers.enlargers(trial.scale)
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == reference}
    crops.write(extent.pictures, trial.case, trial.clip, {"as found": found, **works, "original": wanted})
    least = closeness.psnr(wanted, works[reference])
    before = _traces(found, _at_the_codec_s_size(wanted, trial.scale))
    judged = []
    for method, done in works.items():
        level = closeness.psnr(wanted, done)
        values = {(PSNR, "dB", True): level, (GAIN, "dB", True): level - least}
        small = _at_the_codec_s_size(done, trial.scale)
        for name, excess in _traces(small, _at_the_codec_s_size(wanted, trial.scale)).items():
            values[name, "levels²" if name == RINGS else "levels", False] = excess
            if before[name] > (LITTLE_RING if name == RINGS else LITTLE_STEP):
                values[f"{name} less", "%", True] = 100 * (1 - abs(excess) / before[name])
        judged += [
            Reading(trial.case, trial.clip, method, metric, value, unit, higher)
            for (metric, unit, higher), value in values.items()
        ]
    return judged


def _at_the_codec_s_size(frames: Frames, scale: int) -> Frames:
    return halved(frames) if scale == 2 else frames


def _traces(done: Frames, wanted: Frames) -> dict[str, float]:
    """Steps on each grid and rings, beyond those of the original."""
    found = {
        BLOCKS.format(grid): artifacts.blockiness(done, grid) - artifacts.blockiness(wanted, grid) for grid in GRIDS
    }
    rings, own = artifacts.ringing(done, wanted), artifacts.ringing(wanted, wanted)
    if rings is not None and own is not None:
        found[RINGS] = rings - own
    return found
