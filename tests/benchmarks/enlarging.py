"""Clean pictures, shrunk by the literature's bicubic filter, and how close each contender brings them back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tests.benchmarks import closeness, crops, enlargers, originals, resizing
from tests.benchmarks.enlargers import BICUBIC, ESPCN, FSRCNN, RFDN
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

CASES: Mapping[str, Mapping[str, int]] = {"clean": {"clean x2": 2, "clean x4": 4}}
MEASURED = "reelwright, not told it is clean"
PSNR, SSIM, OVER = "Y-PSNR", "SSIM", "over {}"
GOALS: Mapping[str, Mapping[str, Goal]] = {
    "clean x2": {OVER.format(name): Goal(0.8) for name in (FSRCNN, ESPCN)},
    "clean x4": {OVER.format(FSRCNN): Goal(0.7), OVER.format(RFDN): Goal(0)},
}


@dataclass(frozen=True)
class Trial:
    """One picture, so many times smaller."""

    case: str
    scale: int
    picture: str


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The pictures of a section at every scale."""
    for case, scale in CASES[section].items():
        yield from (Trial(case, scale, picture) for picture in originals.stills(extent))


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """Luma's PSNR and SSIM of every contender, and by how much it is closer than those to beat."""
    wanted, scale = originals.original(trial.picture), trial.scale
    found = shrunk(wanted, scale)
    works = enlargers.by_ours(found, scale=scale, nature="none")
    works[MEASURED] = enlargers.worked(enlargers.ours(scale=scale), found)
    peers = enlargers.enlargers(scale)
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == BICUBIC}
    crops.write(extent.pictures, trial.case, trial.picture, {"as found": found, **works, "original": wanted})
    target = closeness.luma(wanted[0])
    planes = {name: closeness.luma(done[0]) for name, done in works.items()}
    levels = {name: closeness.luma_psnr(target, plane, scale) for name, plane in planes.items()}
    judged = []
    for method, plane in planes.items():
        values = {(PSNR, "dB"): levels[method], (SSIM, ""): closeness.luma_ssim(target, plane, scale)}
        for other in (BICUBIC, FSRCNN, ESPCN, RFDN):
            if other in levels:
                values[OVER.format(other), "dB"] = levels[method] - levels[other]
        judged += [
            Reading(trial.case, trial.picture, method, metric, value, unit, True)
            for (metric, unit), value in values.items()
        ]
    return judged


def shrunk(clean: Frames, scale: int) -> Frames:
    """Clean frames `(T, H, W, 3)` so many times smaller, as 8-bit codes."""
    return np.stack([resizing.rounded(resizing.shrunk(frame, scale)) for frame in clean])
