"""How fast spoilt shots are repaired: ours, finding and mending, against the usual recipe with OpenCV.

Ours reads scanned film, logarithmic codes, and gives back codes; the recipe works on 8-bit video.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import cv2
import numpy as np

from restorers.colorspace import Space
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.benchmarks import moves, repairers, spoilt
from tests.benchmarks.footage import decoded
from tests.benchmarks.result import Row
from tests.benchmarks.speed import Clocked, RawScan, codes, examined, treated
from tests.benchmarks.timing import timed

SIZE = (1080, 1920)
LENGTH, LARGE_LENGTH = 32, 12
PIECES = 40  # of dirt a frame
RECIPE = "median and Telea"
GOALS = {"1080p": 8.0, "4K": 1.5}


def rows(*, quick: bool, threads: int) -> Iterator[Row]:
    """Frames a second and processor seconds a frame at both sizes; printed."""
    film = moves.photographed(moves.HELD_OUT[0], moves.pan, 6 if quick else LENGTH, size=SIZE, share=0.05)
    found = spoilt.spoilt(film, spoilt.dirt(PIECES, size=0.9), seed=4000).found
    yield from _timed("1080p", found, 1 if quick else 2, threads)
    if not quick:
        # The same film, twice as many lines and columns: no work hangs on what their detail is.
        larger = [cv2.resize(f, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for f in found[:LARGE_LENGTH]]
        yield from _timed("4K", np.stack(larger), 1, threads)


def _timed(case: str, found: np.ndarray, rounds: int, threads: int) -> Iterator[Row]:
    source = RawScan(np.stack([codes(decoded(f[None]).in_space(Space.PRINTING_DENSITY).frames[0]) for f in found]))
    bench = Bench(workers=threads)
    works: dict[str, Callable[[], object]] = {
        "reelwright": partial(treated, Repair(), source, bench),
        "of it, examination": partial(examined, Repair(), source, bench),
        RECIPE: partial(repairers.FINDERS[RECIPE], found),
    }
    contenders = {name: Clocked(work) for name, work in works.items()}
    taken = timed(contenders, rounds=rounds, warm_up=1 if rounds > 1 else 0)
    print(f"\nspeed {case}, {len(found)} frames, {rounds} rounds; goal {GOALS[case]:g} frames/s")
    for method, timing in taken.items():
        rate, spread = len(found) / timing.median, len(found) * timing.spread / timing.median**2
        cpu = 1000 * median(contenders[method].seconds[-rounds:]) / len(found)
        print(f"{method:26} {rate:8.2f} frames/s  {cpu:8.1f} CPU ms a frame", flush=True)
        shared = partial(Row, case=f"speed {case}", method=method, n=rounds)
        yield shared(metric="speed", value=rate, unit="frames/s", spread=spread)
        yield shared(metric="processor time a frame", value=cpu, unit="ms", spread=0)
