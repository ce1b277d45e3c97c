"""Faded prints of photographs, by simulation, come back closer than by what people do with as much knowledge."""

from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from restorers.dyes.stocks import KEPT_BACK
from tests.benchmarks.corrections import BALANCE, CURVES, GAMMA, TWO
from tests.benchmarks.fades import Trial, scanners
from tests.benchmarks.unfading import BLIND, CLEAR, NAMED, ONE, THREE, errors

pytestmark = pytest.mark.footage
KNOWING_NOTHING = ("as found", "gray world", "auto-levels, codes", "auto-levels, density")


@pytest.mark.parametrize(
    ("stock", "scanner"), [("kodak-5384", "lamps 630 525 465"), ("fuji-velvia-50", "camera, white light")]
)
def test_unfading_beats_what_people_do_with_as_much_knowledge(stock: str, scanner: str) -> None:
    found = {error.method: error.mean for error in errors(Trial("plain", stock, scanner, 0))}
    assert found[ONE] < found[GAMMA] < found[BALANCE]
    assert found[CLEAR] < 0.8 * found[TWO]
    assert found[NAMED] < found[THREE] < 0.8 * found[CURVES]
    assert found[NAMED] < 0.2 * found[BALANCE]


def test_guesses_beat_gray_world_and_auto_levels_in_the_mean_over_reels() -> None:
    trials = [
        Trial("plain", stock, scanner, 0) for stock, scanner in zip(sorted(KEPT_BACK), cycle(scanners()), strict=False)
    ]
    trials += [replace(trial, round=1) for trial in trials]
    reels = [{error.method: error.mean for error in errors(trial, only=(BLIND,))} for trial in trials]
    means = {name: float(np.mean([reel[name] for reel in reels])) for name in (BLIND, *KNOWING_NOTHING)}
    print("mean dE2000", {name: round(mean, 2) for name, mean in means.items()})
    assert means[BLIND] < 0.75 * min(means[name] for name in KNOWING_NOTHING)
