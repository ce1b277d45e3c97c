"""Grainy clips made twice as large: how much they flicker beyond the original, ours in time against ours each alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from tests.benchmarks import changes, closeness, enlargers, originals
from tests.benchmarks.changes import Course
from tests.benchmarks.degradations import SCALE, Degradation, degraded
from tests.benchmarks.enlargers import ALONE, BICUBIC, OURS
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

EXCESS, LESS, FLICKER, FLICKER_LESS = "excess", "excess less than alone", "flicker", "flicker less than alone"
PSNR, OVER, SHARP, SHARPER = "PSNR", "over each alone", "sharpness", "sharper than alone"
FINE = 1.5  # pixels: of the Gauss filter, finer than which is detail
CASES: Mapping[str, Mapping[str, Degradation]] = {
    "flicker": {
        "flicker, grain 5": Degradation(0.8, 5),
        "flicker, grain 10": Degradation(0.8, 10),
        "flicker, grain 10, crf 28": Degradation(0.8, 10, crf=28),
    }
}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    case: {LESS: Goal(85), OVER: Goal(0), SHARPER: Goal(0)} for case in CASES["flicker"]
}


@dataclass(frozen=True)
class Trial:
    """One clip of a case."""

    case: str
    degradation: Degradation
    clip: str
    index: int


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The clips of a section."""
    for case, degradation in CASES[section].items():
        for index, clip in enumerate(originals.clips(extent)):
            yield Trial(case, degradation, clip, index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """How calm, how close and how sharp every contender leaves a clip."""
    wanted = originals.original(trial.clip, originals.length(extent))
    found = degraded(wanted, trial.degradation, 6000 * (not extent.familiar) + trial.index)
    treatment = enlargers.ours(grain="none", nature="other", scale=SCALE)
    works = {OURS: enlargers.worked(treatment, found), ALONE: enlargers.alone(treatment, found)}
    peers = enlargers.enlargers(SCALE) | enlargers.sequences(trial.degradation.grain, SCALE)
    works |= {name: peer(found) for name, peer in peers.items() if extent.peers or name == BICUBIC}
    course = Course.of(wanted)
    own = course.changes(wanted)
    measured = {method: _measured(wanted, done, course, own) for method, done in works.items()}
    judged = []
    for method, values in measured.items():
        single = measured[ALONE]
        values |= {
            (LESS, "%", True): 100 * (1 - max(values[EXCESS, "levels", False], 0.0) / single[EXCESS, "levels", False]),
            (FLICKER_LESS, "%", True): 100 * (1 - values[FLICKER, "levels", False] / single[FLICKER, "levels", False]),
            (OVER, "dB", True): values[PSNR, "dB", True] - single[PSNR, "dB", True],
            (SHARPER, "", True): values[SHARP, "", True] - single[SHARP, "", True],
        }
        judged += [
            Reading(trial.case, trial.clip, method, metric, value, unit, higher)
            for (metric, unit, higher), value in values.items()
        ]
    return judged


def _measured(
    wanted: Frames, done: Frames, course: Course, own: list[np.ndarray]
) -> dict[tuple[str, str, bool], float]:
    found = course.changes(done)
    apart = [one - two for one, two in zip(found, own, strict=True)]
    return {
        (EXCESS, "levels", False): changes.unsteadiness(found) - changes.unsteadiness(own),
        (FLICKER, "levels", False): changes.unsteadiness(apart),
        (PSNR, "dB", True): closeness.psnr(wanted, done),
        (SHARP, "", True): _sharpness(wanted, done),
    }


def _sharpness(wanted: Frames, done: Frames) -> float:
    """How much of the original's fine detail is there: a regression."""
    one, two = (_fine(closeness.luma(frames)) for frames in (wanted, done))
    return float((one * two).sum() / (one * one).sum())


def _fine(planes: np.ndarray) -> np.ndarray:
    return np.stack([plane - cv2.GaussianBlur(plane, (0, 0), FINE) for plane in planes])
