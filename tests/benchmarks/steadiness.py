"""How steady and even ours and its peers leave shots whose truth is known.

python -m tests.benchmarks.steadiness [--quick] [--only SECTION ...] [--familiar] [--out FOLDER]
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import torch

from restorers.restorer import Bench
from tests.benchmarks import moves, stabilizers
from tests.benchmarks.moves import FAMILIAR, HELD_OUT, Camera, Film, Wear
from tests.benchmarks.paths import Unsteadiness, errors, unsteadiness
from tests.benchmarks.result import Result, Row, header

SUITE = "steadiness"
THREADS = 2
WORN = Wear()


@dataclass(frozen=True)
class Case:
    """One kind of shot.

    Attributes:
        camera: what it does; a name of `moves`.
        wear: what happened to the film.
        length: frames.
        share: of the frame that something moving covers.
        recorded: clean videos that stand in for photographs.
    """

    camera: str = "still"
    wear: Wear = WORN
    length: int = 60
    share: float = 0.09
    recorded: tuple[str, ...] = ()


class Goal(NamedTuple):
    """What a case is judged by: `least` is a lower bound, else an upper."""

    metric: str
    bound: float
    least: bool = True

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<'} {self.bound:g}"


CASES: Mapping[str, Mapping[str, Case]] = {
    "static": {"static": Case()},
    "pan": {"linear pan": Case(camera="pan")},
    "grain": {"static, grain 16, 60 dust": Case(wear=Wear(grain=16, dust=60))},
    "object": {"static, object of 30 %": Case(share=0.3)},
    "moving": {
        "accelerating pan": Case(camera="eased", length=96),
        "zoom": Case(camera="zoom", length=96),
        "handheld sway": Case(camera="sway", length=96),
    },
    "recorded": {
        "video, static camera": Case(recorded=moves.CAMERA_STILL),
        "video, moving": Case(recorded=tuple(name for name in moves.RECORDED if name not in moves.CAMERA_STILL)),
    },
}
SECTIONS = tuple(CASES)
ALL_IN, WHOLE, BENT, STEP = "all in", "global part", "non-rigid part", "frame to frame"
UNSTEADY, SLOW, FARTHEST, SHARE = "unsteady", "path moved", "path moved at most", "path moved of travel"
REDUCED = {ALL_IN: "quick", WHOLE: "whole", BENT: "bent", STEP: "step"}
GOALS: Mapping[str, tuple[Goal, ...]] = {
    "static": (Goal(ALL_IN, 97), Goal(WHOLE, 99), Goal(BENT, 90)),
    "linear pan": (Goal(ALL_IN, 95), Goal(SLOW, 0.5, least=False)),
    "static, grain 16, 60 dust": (Goal(ALL_IN, 93),),
    "static, object of 30 %": (Goal(ALL_IN, 94),),
    "accelerating pan": (Goal(STEP, 93), Goal(SLOW, 1, least=False)),
    "zoom": (Goal(STEP, 93), Goal(SLOW, 1, least=False)),
    "handheld sway": (Goal(STEP, 93), Goal(SLOW, 1, least=False)),
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


class Reading(NamedTuple):
    """One number about one method on one shot."""

    case: str
    method: str
    metric: str
    value: float
    unit: str
    film: str


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a shot of few frames a case, to see that all is in order")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these sections")
    parser.add_argument("--familiar", action="store_true", help="the photographs to develop on, not those reported")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    circumstances = header(SUITE, threads=THREADS)
    rows: list[Row] = []
    for section in asked.only or SECTIONS:
        for name, case in CASES[section].items():
            trials = list(_trials(name, case, quick=asked.quick, familiar=asked.familiar))
            with ProcessPoolExecutor(THREADS, initializer=_singly) as pool:
                found = [
                    r for readings in pool.map(_movement, trials, [not asked.ours] * len(trials)) for r in readings
                ]
            rows += _shown(found)
    result = Result(header=circumstances, rows=tuple(rows))
    path = result.write(asked.out) if asked.out else result.write()
    print(path, file=sys.stderr)


def _trials(name: str, case: Case, *, quick: bool, familiar: bool) -> Iterator[Trial]:
    films = case.recorded or (FAMILIAR if familiar else HELD_OUT)
    for index, film in enumerate(films[:1] if quick else films):
        yield Trial(name, replace(case, length=20) if quick else case, film, (0 if familiar else 1000) + index)


def _singly() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _movement(trial: Trial, peers: bool) -> list[Reading]:
    """How steadily every contender leaves a shot."""
    shot = moves.take(trial.filmed(), trial.case.wear, seed=trial.seed)
    contenders = {"as found": None, "reelwright": stabilizers.ours(shot.found, Bench())[1]}
    if peers:
        contenders |= {name: stabilizers.filtered(shot.found, passes) for name, passes in stabilizers.FILTERS.items()}
        contenders |= {
            "features, Gaussian": stabilizers.featured(shot.found, course="gaussian"),
            "features, our course": stabilizers.featured(shot.found, course="parted"),
        }
    before = unsteadiness(errors(shot))
    readings = []
    for method, applied in contenders.items():
        after = unsteadiness(errors(shot, applied))
        found = dict(_readings(before, after, shot.travel))
        readings += [
            Reading(trial.name, method, metric, value, unit, trial.film) for (metric, unit), value in found.items()
        ]
    return readings


def _readings(before: Unsteadiness, after: Unsteadiness, travel: float) -> Iterator[tuple[tuple[str, str], float]]:
    for metric, field in REDUCED.items():
        yield (metric, "%"), 100 * (1 - getattr(after, field) / getattr(before, field))
    yield (UNSTEADY, "px"), after.quick
    yield (SLOW, "px"), after.slow
    yield (FARTHEST, "px"), after.farthest
    if travel:
        yield (SHARE, "%"), 100 * after.slow / travel


def _shown(readings: Sequence[Reading]) -> Iterator[Row]:
    """Means and worst shots as rows; printed a line a method."""
    groups: dict[str, dict[tuple[str, str], list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        groups[reading.method][reading.metric, reading.unit].append(reading)
    case = readings[0].case
    goals = {goal.metric: goal for goal in GOALS.get(case, ())}
    print(f"\n{case}: mean (worst shot)")
    print(" ".join([f"{'':22}", *(f"{metric + ', ' + unit:>24}" for metric, unit in groups["as found"])]))
    print(" ".join([f"{'goal':22}", *(f"{goals.get(metric, '')!s:>24}" for metric, _ in groups["as found"])]))
    for method, metrics in groups.items():
        cells = []
        for (metric, unit), members in metrics.items():
            values = [member.value for member in members]
            worst = min(values) if unit == "%" and metric in REDUCED else max(values)
            mean, spread = statistics.fmean(values), _quartile_distance(values)
            cells.append(f"{mean:15.2f} ({worst:6.2f})")
            for name, value in ((metric, mean), (f"{metric}, worst shot", worst)):
                yield Row(case=case, method=method, metric=name, value=value, unit=unit, spread=spread, n=len(values))
        print(" ".join([f"{method:22}", *cells]), flush=True)


def _quartile_distance(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


if __name__ == "__main__":
    main()
