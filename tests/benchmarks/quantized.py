"""Stills enlarged at every precision: what fewer bits cost, and whether smooth places come out in steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.benchmarks import closeness, crops, enlargers, originals
from tests.benchmarks.banding import cambi
from tests.benchmarks.degradations import LEVELS, SCALE, degraded
from tests.benchmarks.enlargers import BICUBIC
from tests.benchmarks.enlarging import shrunk
from tests.benchmarks.readings import Extent, Goal, Reading

PRECISIONS = ("fp32", "bf16", "int8")
PROFILES = ("fidelity", "draft")
PSNR, LOSS, LIKE, CAMBI, MORE = "PSNR", "less than fp32", "like fp32", "CAMBI", "CAMBI over original"
CLEAN, WORN = {"nature": "none"}, {"grain": "none", "nature": "other"}
CASES: Mapping[str, Mapping[str, str]] = {"precision": {"precision, clean": "clean", "precision, light": "light"}}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    case: {LOSS: Goal(0.1, least=False), LIKE: Goal(45)} for case in CASES["precision"]
}


@dataclass(frozen=True)
class Trial:
    """One still, clean or worn."""

    case: str
    level: str
    still: str
    index: int


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The stills of a section."""
    for case, level in CASES[section].items():
        yield from (Trial(case, level, still, index) for index, still in enumerate(originals.stills(extent)))


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """How close every precision comes to the original and to full precision, and how much it bands."""
    wanted, clean = originals.original(trial.still), trial.level == "clean"
    found = shrunk(wanted, SCALE) if clean else degraded(wanted, LEVELS[trial.level], 5000 + trial.index)
    works = {
        f"reelwright {profile}, {precision}": enlargers.worked(
            enlargers.ours(profile=profile, precision=precision, **(CLEAN if clean else WORN)), found
        )
        for profile in PROFILES
        for precision in PRECISIONS
    }
    works[BICUBIC] = enlargers.enlargers(SCALE)[BICUBIC](found)
    crops.write(extent.pictures, trial.case, trial.still, {"as found": found, **works, "original": wanted})
    least, judged = cambi(wanted), []
    for method, done in works.items():
        level, bands = closeness.psnr(wanted, done), cambi(done)
        values = {(PSNR, "dB", True): level, (CAMBI, "", False): bands, (MORE, "", False): bands - least}
        if method != BICUBIC:
            full = works[f"{method.rpartition(', ')[0]}, {PRECISIONS[0]}"]
            values[LOSS, "dB", False] = closeness.psnr(wanted, full) - level
            values[LIKE, "dB", True] = closeness.psnr(full, done)
        judged += [
            Reading(trial.case, trial.still, method, metric, value, unit, higher)
            for (metric, unit, higher), value in values.items()
        ]
    return judged
