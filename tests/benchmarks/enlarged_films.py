"""Worn film, blurred, grainy and compressed, made twice as large: how close each contender comes to the original."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from restorers.metrics.perceptual import MissingTrunk, PerceptualDistance
from tests.benchmarks import closeness, crops, enlargers, originals
from tests.benchmarks.degradations import LEVELS, SCALE, Degradation, degraded
from tests.benchmarks.enlargers import ALONE, BICUBIC, CALMED, OURS
from tests.benchmarks.enlarging import shrunk
from tests.benchmarks.footage import decoded
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

PSNR, SSIM, GMSD, LPIPS = "PSNR", "SSIM", "GMSD", "LPIPS"
OVER, OVER_CALMED, OVER_ALONE = "over bicubic", "over calmed, bicubic", "over each alone"
ONE_WORK, TWO_WORKS, OVER_TWO = "reelwright, at once", "reelwright, one by one", "over one by one"
STILLS, CLIPS = "stills", "clips"
GAINS = {"light": 1.0, "mid": 2.5, "heavy": 4.5}
CLEAN = "clean"


@dataclass(frozen=True)
class Case:
    """Originals of a kind, and what happened to them: a level of degradation, or nothing but being shrunk."""

    kind: str
    level: str
    scale: int = SCALE


CASES: Mapping[str, Mapping[str, Case]] = {
    "film": {f"film, {level}, {kind}": Case(kind, level) for kind in (STILLS, CLIPS) for level in LEVELS},
    "joint": {f"joint, {level}, {kind}": Case(kind, level) for kind in (STILLS, CLIPS) for level in ("mid", "heavy")},
    "perceptual": {
        "perceptual, clean x2": Case(STILLS, CLEAN),
        "perceptual, clean x4": Case(STILLS, CLEAN, 4),
        "perceptual, mid": Case(STILLS, "mid"),
    },
}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    **{
        name: {OVER: Goal(GAINS[case.level])} | ({OVER_CALMED: Goal(1.5)} if case.level == "heavy" else {})
        for name, case in CASES["film"].items()
    },
    **{name: {OVER_TWO: Goal(0.7)} for name in CASES["joint"]},
}


@dataclass(frozen=True)
class Trial:
    """One original of a case."""

    section: str
    name: str
    case: Case
    original: str
    index: int

    @property
    def degradation(self) -> Degradation:
        """What happens to it; the members of a level take turns."""
        members = LEVELS[self.case.level]
        return members[self.index % len(members)]


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The stills and clips of a section."""
    for name, case in CASES[section].items():
        names = originals.stills(extent) if case.kind == STILLS else originals.clips(extent)
        for index, original in enumerate(names):
            yield Trial(section, name, case, original, index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender makes of an original."""
    wanted = originals.original(trial.original, originals.length(extent))
    if trial.case.level == CLEAN:
        found = shrunk(wanted, trial.case.scale)
    else:
        found = degraded(wanted, trial.degradation, 5000 * (not extent.familiar) + trial.index)
    judged = {"film": _film, "joint": _joint, "perceptual": _perceptual}[trial.section]
    return [
        Reading(trial.name, trial.original, method, metric, value, unit, higher)
        for method, metric, value, unit, higher in judged(trial, wanted, found, extent)
    ]


def _film(trial: Trial, wanted: Frames, found: Frames, extent: Extent) -> Iterator[tuple[str, str, float, str, bool]]:
    sigma = trial.degradation.grain
    works = enlargers.by_ours(found, SCALE, "none")
    if len(found) > 1:
        works[ALONE] = enlargers.alone(enlargers.ours(grain="none", scale=SCALE), found)
    peers = enlargers.enlargers(SCALE) | (enlargers.sequences(sigma, SCALE) if sigma else {})
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == BICUBIC}
    crops.write(extent.pictures, trial.name, trial.original, {"as found": found, **works, "original": wanted})
    levels = {method: closeness.psnr(wanted, done) for method, done in works.items()}
    calmed = [levels[name] for name in CALMED if name in levels]
    for method, done in works.items():
        yield method, PSNR, levels[method], "dB", True
        yield method, SSIM, closeness.alike(wanted, done), "", True
        yield method, OVER, levels[method] - levels[BICUBIC], "dB", True
        if calmed:
            yield method, OVER_CALMED, levels[method] - max(calmed), "dB", True
        if ALONE in levels:
            yield method, OVER_ALONE, levels[method] - levels[ALONE], "dB", True


def _joint(trial: Trial, wanted: Frames, found: Frames, extent: Extent) -> Iterator[tuple[str, str, float, str, bool]]:
    """All at once against calming first and enlarging then, by the same network."""
    calm = enlargers.worked(enlargers.ours(grain="none", scale=1), found)
    works = {
        ONE_WORK: enlargers.worked(enlargers.ours(grain="none", scale=SCALE), found),
        TWO_WORKS: enlargers.worked(enlargers.ours(grain="keep", scale=SCALE), calm),
    }
    crops.write(extent.pictures, trial.name, trial.original, {"as found": found, **works, "original": wanted})
    levels = {method: closeness.psnr(wanted, done) for method, done in works.items()}
    for method, level in levels.items():
        yield method, PSNR, level, "dB", True
        yield method, OVER_TWO, level - levels[TWO_WORKS], "dB", True


def _perceptual(
    trial: Trial, wanted: Frames, found: Frames, extent: Extent
) -> Iterator[tuple[str, str, float, str, bool]]:
    """How alike pictures look, and what likeness to the eye costs in decibels."""
    scale, grain = trial.case.scale, "keep" if trial.case.level == CLEAN else "none"
    works = {
        f"{OURS} {profile}": enlargers.worked(enlargers.ours(profile, grain, scale), found)
        for profile in ("fidelity", "perceptual")
    }
    peers = enlargers.enlargers(scale)
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == BICUBIC}
    crops.write(extent.pictures, trial.name, trial.original, {"as found": found, **works, "original": wanted})
    distance = _distance()
    for method, done in works.items():
        yield method, GMSD, closeness.deviation(wanted, done), "", False
        if distance is not None:
            yield method, LPIPS, distance(decoded(wanted).frames[0], decoded(done).frames[0]), "", False
        yield method, PSNR, closeness.psnr(wanted, done), "dB", True


@lru_cache(maxsize=1)
def _distance() -> PerceptualDistance | None:
    """LPIPS, where its trunk is on this machine; it is said if not."""
    home = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache" / "torch"))
    try:
        return PerceptualDistance(home)
    except MissingTrunk as missing:
        print(f"LPIPS is absent: {missing}", file=sys.stderr)
        return None
