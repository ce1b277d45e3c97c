"""Shots to be steadied, and how steadily, how truly and how sharply each contender leaves them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from restorers.restorer import Bench
from tests.benchmarks import edges, moves, stabilizers, wear
from tests.benchmarks.moves import FAMILIAR, HELD_OUT, Camera, Film
from tests.benchmarks.paths import Applied, errors, places, unsteadiness
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.wear import Take, Wear

WORN = Wear()
UNSHAKEN = Wear(gate=None)
AS_FILMED = Wear(gate=None, grain=0, dust=0)
QUICK_FRAMES = 20


@dataclass(frozen=True)
class Case:
    """One kind of shot.

    Attributes:
        camera: what it does; a function of `moves`.
        wear: what happened to the film.
        length: frames.
        share: of the frame that something moving covers.
        recorded: clean videos in place of photographs.
        films: how many of them.
    """

    camera: str = "still"
    wear: Wear = WORN
    length: int = 48
    share: float = 0.09
    recorded: tuple[str, ...] = ()
    films: int = 5


MOVING_VIDEO = tuple(name for name in moves.RECORDED if name not in moves.CAMERA_STILL)
CASES: Mapping[str, Mapping[str, Case]] = {
    "static": {"static": Case(films=8)},
    "grain": {"static, grain 16, 60 dust": Case(wear=Wear(grain=16, dust=60))},
    "object": {"static, object of 30 %": Case(share=0.3)},
    "pan": {"linear pan": Case(camera="pan")},
    "moving": {
        "accelerating pan": Case(camera="eased", length=80),
        "zoom": Case(camera="zoom", length=80),
        "handheld sway": Case(camera="sway", length=80),
    },
    "video": {
        "video, static camera": Case(recorded=moves.CAMERA_STILL),
        "video, moving": Case(recorded=MOVING_VIDEO),
    },
    "steady": {
        "steady static": Case(wear=UNSHAKEN, length=32),
        "steady pan": Case(camera="pan", wear=UNSHAKEN, length=32),
        "steady video, static": Case(wear=AS_FILMED, length=32, recorded=moves.CAMERA_STILL),
        "steady video, moving": Case(wear=AS_FILMED, length=32, recorded=MOVING_VIDEO),
    },
    "sharpness": {"slanted edges, static": Case(wear=Wear(grain=0, dust=0), length=24, films=3)},
}
REDUCED = {"all in": "quick", "global part": "whole", "non-rigid part": "bent", "frame to frame": "step"}
MOVED, SHARE_MOVED, EXACT, LOSS = "path moved", "path moved, of travel", "bit-exact", "MTF50 loss"
KEPT = {"frame to frame": Goal(93), MOVED: Goal(1, least=False)}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    "static": {"all in": Goal(97), "global part": Goal(99), "non-rigid part": Goal(90)},
    "static, grain 16, 60 dust": {"all in": Goal(93)},
    "static, object of 30 %": {"all in": Goal(94)},
    "linear pan": {"all in": Goal(95), MOVED: Goal(0.5, least=False)},
    "accelerating pan": KEPT,
    "zoom": KEPT,
    "handheld sway": KEPT,
    **{case: {"moved at most": Goal(0.05, least=False), EXACT: Goal(100)} for case in CASES["steady"]},
    "slanted edges, static": {LOSS: Goal(3, least=False)},
}


@dataclass(frozen=True)
class Trial:
    """One shot of a case."""

    name: str
    case: Case
    film: str
    seed: int

    def filmed(self) -> Film:
        """The shot before anything happened to it."""
        if self.case.recorded:
            return moves.recorded(self.film, self.case.length)
        camera: Camera = getattr(moves, self.case.camera)
        return moves.photographed(self.film, camera, self.case.length, share=self.case.share, seed=self.seed)


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The shots of a section."""
    for name, case in CASES[section].items():
        films = case.recorded or (FAMILIAR if extent.familiar else HELD_OUT)
        for index, film in enumerate(films[: 1 if extent.quick else min(extent.most or case.films, case.films)]):
            shorter = replace(case, length=min(case.length, QUICK_FRAMES)) if extent.quick else case
            yield Trial(name, shorter, film, (0 if extent.familiar else 1000) + index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender made of a shot."""
    if trial.name in CASES["sharpness"]:
        return list(_sharpness(trial, peers=extent.peers))
    shot = wear.take(trial.filmed(), trial.case.wear, seed=trial.seed)
    compared = _stillness if trial.case.wear.gate is None else _steadiness
    return list(compared(trial, shot, peers=extent.peers))


def _steadiness(trial: Trial, shot: Take, *, peers: bool) -> Iterator[Reading]:
    before = unsteadiness(errors(shot))
    contenders = {"as found": None, "reelwright": stabilizers.ours(shot.found, Bench())[1]} | _peers(shot, peers)
    for method, applied in contenders.items():
        after = unsteadiness(errors(shot, applied))

        def reading(metric: str, value: float, unit: str, *, higher: bool = False, by: str = method) -> Reading:
            return Reading(trial.name, trial.film, by, metric, value, unit, higher)

        for metric, field in REDUCED.items():
            yield reading(metric, 100 * (1 - getattr(after, field) / getattr(before, field)), "%", higher=True)
        yield reading("unsteady", after.quick, "px")
        yield reading(MOVED, after.slow, "px")
        yield reading("path moved at most", after.farthest, "px")
        if shot.travel:
            yield reading(SHARE_MOVED, 100 * after.slow / shot.travel, "%")


def _stillness(trial: Trial, shot: Take, *, peers: bool) -> Iterator[Reading]:
    """How far film that was steady is moved."""
    remedy, ours = stabilizers.ours(shot.found, Bench())
    exact = np.array_equal(stabilizers.steadied(shot.found, remedy, Bench()), shot.found)
    yield Reading(trial.name, trial.film, "reelwright", "moved at most", _largest(ours, shot), "px")
    yield Reading(trial.name, trial.film, "reelwright", EXACT, 100.0 * exact, "% of shots", True)
    for method, applied in _peers(shot, peers).items():
        yield Reading(trial.name, trial.film, method, "moved at most", _largest(applied, shot), "px")


def _sharpness(trial: Trial, *, peers: bool) -> Iterator[Reading]:
    shot = wear.take(edges.Edged(trial.filmed()), trial.case.wear, seed=trial.seed)
    before = edges.mtf50(shot.found)
    done: dict[str, Frames] = {"as found": shot.found}
    done["reelwright"] = stabilizers.steadied(shot.found, stabilizers.ours(shot.found, Bench())[0], Bench())
    if peers:
        done |= {name: stabilizers.filtered_frames(shot.found, chain) for name, chain in stabilizers.FILTERS.items()}
        path = stabilizers.featured(shot.found, course="gaussian")
        done["features, bilinear"] = stabilizers.moved(shot.found, path)
    for method, frames in done.items():
        after = edges.mtf50(frames)
        yield Reading(trial.name, trial.film, method, "MTF50", after, "cycles/px", True)
        yield Reading(trial.name, trial.film, method, LOSS, 100 * (1 - after / before), "%")


def _peers(shot: Take, wanted: bool) -> dict[str, Applied]:
    if not wanted:
        return {}
    found = {name: stabilizers.filtered(shot.found, passes) for name, passes in stabilizers.FILTERS.items()}
    found["features, Gaussian"] = stabilizers.featured(shot.found, course="gaussian")
    found["features, our course"] = stabilizers.featured(shot.found, course="parted")
    return found


def _largest(applied: Applied, shot: Take) -> float:
    x, y = places(shot.size)
    return max(float(np.hypot(*applied(index, x, y)).max()) for index in range(len(shot.found)))
