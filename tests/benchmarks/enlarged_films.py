"""Worn film, blurred, grainy and compressed, made twice as large: how close each contender comes to the original."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.benchmarks import closeness, crops, enlargers, originals
from tests.benchmarks.degradations import LEVELS, SCALE, Degradation, degraded
from tests.benchmarks.enlargers import ALONE, BICUBIC, CALMED
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

PSNR, SSIM = "PSNR", "SSIM"
OVER, OVER_CALMED, OVER_ALONE = "over bicubic", "over calmed, bicubic", "over each alone"
STILLS, CLIPS = "stills", "clips"
CALM = {"grain": "none", "nature": "other"}
UNWORN, UNWORN_BICUBIC = "reelwright, unworn", "bicubic, unworn"
ONE_WORK, TWO_WORKS, OVER_TWO = "reelwright, at once", "reelwright, one by one", "over one by one"
GAINS = {"light": 1.0, "mid": 2.5, "heavy": 4.5}


@dataclass(frozen=True)
class Case:
    """Originals of a kind, and the level of what happened to them."""

    kind: str
    level: str


CASES: Mapping[str, Mapping[str, Case]] = {
    "film": {f"film, {level}, {kind}": Case(kind, level) for kind in (STILLS, CLIPS) for level in LEVELS},
    "joint": {f"joint, {level}, {kind}": Case(kind, level) for kind in (STILLS, CLIPS) for level in ("mid", "heavy")},
}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    **{
        name: {OVER: Goal(GAINS[case.level])} | ({OVER_CALMED: Goal(1.5)} if case.level == "heavy" else {})
        for name, case in CASES["film"].items()
        if case.level in GAINS
    },
    **{name: {OVER_TWO: Goal(0.7)} for name in CASES["joint"]},
}


@dataclass(frozen=True)
class Trial:
    """One original of a case."""

    name: str
    case: Case
    original: str
    index: int

    @property
    def degradation(self) -> Degradation:
        """What happens to it."""
        return LEVELS[self.case.level]


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The stills and clips of a section."""
    for name, case in CASES[section].items():
        names = originals.stills(extent) if case.kind == STILLS else originals.clips(extent)
        for index, original in enumerate(names):
            yield Trial(name, case, original, index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender makes of an original."""
    wanted = originals.original(trial.original, originals.length(extent))
    found = _degraded(trial, wanted, trial.degradation, extent)
    return [
        Reading(trial.name, trial.original, method, metric, value, unit, higher)
        for method, metric, value, unit, higher in (_joint if trial.name.startswith("joint") else _film)(
            trial, wanted, found, extent
        )
    ]


def _degraded(trial: Trial, wanted: Frames, degradation: Degradation, extent: Extent) -> Frames:
    return degraded(wanted, degradation, 5000 * (not extent.familiar) + trial.index)


def _film(trial: Trial, wanted: Frames, found: Frames, extent: Extent) -> Iterator[tuple[str, str, float, str, bool]]:
    sigma = trial.degradation.grain
    works = enlargers.by_ours(found, scale=SCALE, **CALM)
    if len(found) > 1:
        works[ALONE] = enlargers.alone(enlargers.ours(scale=SCALE, **CALM), found)
    peers = enlargers.enlargers(SCALE) | (enlargers.sequences(sigma, SCALE) if sigma else {})
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == BICUBIC}
    if sigma:
        unworn = _degraded(trial, wanted, Degradation(trial.degradation.blur), extent)
        works[UNWORN] = enlargers.worked(enlargers.ours(scale=SCALE, nature="none"), unworn)
        works[UNWORN_BICUBIC] = peers[BICUBIC](unworn)
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
    calm = enlargers.worked(enlargers.ours(scale=1, **CALM), found)
    works = {
        ONE_WORK: enlargers.worked(enlargers.ours(scale=SCALE, **CALM), found),
        TWO_WORKS: enlargers.worked(enlargers.ours(scale=SCALE, nature="none"), calm),
    }
    crops.write(extent.pictures, trial.name, trial.original, {"as found": found, **works, "original": wanted})
    levels = {method: closeness.psnr(wanted, done) for method, done in works.items()}
    for method, level in levels.items():
        yield method, PSNR, level, "dB", True
        yield method, OVER_TWO, level - levels[TWO_WORKS], "dB", True
