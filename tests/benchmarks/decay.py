"""How close faded film is brought to what it was: ours by what is known of it, beside what people do with as much.

All of it is simulation: of no faded film in public is it known what it looked like.

python -m tests.benchmarks.decay [--quick] [--only SECTION ...] [--out FOLDER]
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from tests.benchmarks import lookup, unfading
from tests.benchmarks.fades import CASES
from tests.benchmarks.result import RESULTS, Result, Row, header
from tests.benchmarks.suite import THREADS, singly
from tests.benchmarks.unfading import GOALS, Error, Standing

SUITE = "decay"
SOUND, SPEED = "sound film", "speed"
WHOLE = ("plain", "all of it")
"""Cases of several fades of each stock in each scanner; of one, to see what it adds, the others."""
LEFT_ALONE = 0.3  # dE2000


def main() -> None:
    """Measure, print and write."""
    sections = (*CASES, SOUND, SPEED)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one fade of each stock in each scanner")
    parser.add_argument("--only", nargs="+", choices=sections, help="these sections")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    circumstances, rows = header(SUITE, threads=THREADS), list[Row]()
    with ProcessPoolExecutor(THREADS, initializer=singly) as pool:
        for section in asked.only or sections:
            if section == SPEED:
                singly()
                rows += lookup.rows(quick=asked.quick, threads=THREADS)
            elif section == SOUND:
                for case in WHOLE:
                    trials = unfading.trials(case, 1 if asked.quick else unfading.ROUNDS)
                    rows += _unchanged(f"{SOUND}, {case}", list(pool.map(unfading.changes, trials)))
            else:
                trials = unfading.trials(section, unfading.ROUNDS if section in WHOLE and not asked.quick else 1)
                rows += _errors(section, list(pool.map(unfading.errors, trials)))
            path = Result(header=circumstances, rows=tuple(rows)).write(asked.out or RESULTS)
    print(path, file=sys.stderr)


def _errors(case: str, found: list[list[Error]]) -> Iterator[Row]:
    print(f"\n{case}, {len(found)} reels, dE2000\n{'':50}   mean median    p95  worst   below white balance, %   left")
    stand = {each.method: each for each in unfading.standings(found)}
    for name, each in stand.items():
        low, high = each.below[1:]
        left = f"{100 * each.left:5.0f} %" if name.startswith("ours") else ""
        print(
            f"{name:50} {each.mean:6.2f} {each.median:6.2f} {each.high:6.2f} {each.worst:6.2f}   "
            f"{each.below[0]:5.1f} [{low:5.1f}, {high:5.1f}]   {left}{_judged(each, stand, found)}",
            flush=True,
        )
        numbers = {
            "mean": (each.mean, "dE2000"),
            "median reel": (each.median, "dE2000"),
            "p95 of pixels": (each.high, "dE2000"),
            "worst reel": (each.worst, "dE2000"),
            "below white balance": (each.below[0], "%"),
            "below white balance, from": (low, "%"),
            "below white balance, to": (high, "%"),
            "left as found": (100 * each.left, "%"),
        }
        for metric, (value, unit) in numbers.items():
            yield Row(case=case, method=name, metric=metric, value=value, unit=unit, spread=0, n=each.count)
    yield from _guesses(case, found)


def _judged(each: Standing, stand: dict[str, Standing], found: list[list[Error]]) -> str:
    """What a goal says of it."""
    goal = GOALS.get(each.method)
    if goal is None:
        return ""
    said = [f"goal {goal.below_balance:.0f} %"]
    if goal.rival:
        own, rival = (
            np.array([error.mean for reel in found for error in reel if error.method == name])
            for name in (each.method, goal.rival)
        )
        share, low, high = unfading.below(own, rival)
        wanted = f", goal {goal.below_rival:.0f} %" if goal.below_rival else ""
        said.append(f"{share:.1f} % [{low:.1f}, {high:.1f}] below {goal.rival}{wanted}")
    if np.isfinite(goal.most):
        said.append(f"goal mean {goal.most:g}")
    return "   " + "; ".join(said)


def _guesses(case: str, found: list[list[Error]]) -> Iterator[Row]:
    """By how much guesses that were made are better than leaving the reel alone, at the worst of 90 %."""
    gains = [
        reel["as found"].mean - reel[unfading.GUESSED].mean
        for reel in ({error.method: error for error in each} for each in found)
        if unfading.GUESSED in reel
    ]
    if not gains:
        return
    least, worse = float(np.quantile(gains, 0.1)), 100 * float(np.mean(np.array(gains) < 0))
    print(
        f"{unfading.GUESSED}: better than as found by {least:.2f} in 90 % of the cases (goal 0); worse in {worse:.0f} %"
    )
    for metric, value, unit in (("better than as found, p10", least, "dE2000"), ("worse than as found", worse, "%")):
        yield Row(case=case, method=unfading.GUESSED, metric=metric, value=value, unit=unit, spread=0, n=len(gains))


def _unchanged(case: str, found: list[dict[str, float]]) -> Iterator[Row]:
    print(f"\n{case}, {len(found)} reels that have not faded: change, dE2000 (goal {LEFT_ALONE}), and how many changed")
    for name in found[0]:
        values = np.array([each[name] for each in found])
        changed = 100 * float(np.mean(values > 0))
        print(f"{name:50} {values.mean():6.2f} (worst {values.max():.2f}), {changed:.0f} % changed", flush=True)
        for metric, value, unit in (
            ("change", float(values.mean()), "dE2000"),
            ("change, worst reel", float(values.max()), "dE2000"),
            ("changed", changed, "%"),
        ):
            yield Row(case=case, method=name, metric=metric, value=value, unit=unit, spread=0, n=len(values))


if __name__ == "__main__":
    main()
