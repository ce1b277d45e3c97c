"""How fast 1080p becomes 4K: ours against filters and networks, and what a shot's examination takes beforehand.

Ours reads scanned film, logarithmic codes, and gives back codes; the peers work on 8-bit video.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from restorers.colorspace import Space
from restorers.restorer import Bench
from tests.benchmarks import enlargers, moves
from tests.benchmarks.degradations import SCALE, grained
from tests.benchmarks.footage import decoded
from tests.benchmarks.peers import Frames, Peer
from tests.benchmarks.resizing import rounded
from tests.benchmarks.result import Row
from tests.benchmarks.speed import Clocked, RawScan, applied, codes, examined
from tests.benchmarks.timing import timed

SIZE, LENGTH, ROUNDS = (1080, 1920), 4, 3
QUICK_SIZE, QUICK_LENGTH = (270, 480), 2
GRAIN = 6.0  # levels
OURS: Mapping[str, Mapping[str, object]] = {
    "": {},
    ", bf16": {"precision": "bf16"},
    ", told there is no noise": {"nature": "none"},
    ", bf16, told there is no noise": {"precision": "bf16", "nature": "none"},
    ", int8, told there is no noise": {"precision": "int8", "nature": "none"},
    ", draft": {"profile": "draft"},
    ", linear": {"profile": "linear"},
    ", linear, grain taken off": {"profile": "linear", "grain": "none"},
}
CASE = "speed 1080p to 4K"


@dataclass(frozen=True)
class Threaded:
    """A peer on frames, OpenCV kept to so many threads."""

    peer: Peer
    found: Frames
    threads: int

    def __call__(self) -> None:
        """Enlarge them."""
        before = cv2.getNumThreads()
        cv2.setNumThreads(self.threads)
        try:
            self.peer(self.found)
        finally:
            cv2.setNumThreads(before)


def rows(*, quick: bool, threads: int) -> Iterator[Row]:
    """Frames a second, and processor seconds a frame; printed."""
    size, length = (QUICK_SIZE, QUICK_LENGTH) if quick else (SIZE, LENGTH)
    found = _shot(size, length)
    bench = Bench(workers=threads)
    source = RawScan(np.stack([codes(decoded(f[None]).in_space(Space.PRINTING_DENSITY).frames[0]) for f in found]))
    works: dict[str, Callable[[], object]] = {}
    for name, settings in OURS.items():
        treatment, begun = enlargers.ours(scale=SCALE, **settings), perf_counter()
        remedy = examined(treatment, source, bench)
        taken_s = perf_counter() - begun
        print(f"{enlargers.OURS + name:48} examined in {taken_s:.1f} s", flush=True)
        yield Row(case=CASE, method=enlargers.OURS + name, metric="examination", value=taken_s, unit="s", spread=0, n=1)
        works[enlargers.OURS + name] = partial(applied, remedy, source, bench)
    works |= {
        name: Threaded(peer, found, threads)
        for name, peer in enlargers.enlargers(SCALE).items()
        if name in (enlargers.BICUBIC, enlargers.FSRCNN, enlargers.ESPCN)
    }
    contenders = {name: Clocked(work) for name, work in works.items()}
    rounds = 1 if quick else ROUNDS
    taken = timed(contenders, rounds=rounds, warm_up=1)
    print(f"\n{CASE}, {len(found)} frames of {size[1]}x{size[0]}, {rounds} rounds")
    for method, timing in taken.items():
        rate, spread = len(found) / timing.median, len(found) * timing.spread / timing.median**2
        cpu = 1000 * median(contenders[method].seconds[-rounds:]) / len(found)
        print(f"{method:48} {rate:8.2f} frames/s  {cpu:8.1f} CPU ms a frame", flush=True)
        shared = partial(Row, case=CASE, method=method, n=rounds)
        yield shared(metric="speed", value=rate, unit="frames/s", spread=spread)
        yield shared(metric="processor time a frame", value=cpu, unit="ms", spread=0)


def _shot(size: tuple[int, int], length: int) -> Frames:
    """A grainy pan over a photograph."""
    film = moves.photographed(moves.HELD_OUT[0], moves.pan, length, size=size, share=0.05)
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
    clean = np.stack([rounded(film.seen(time, x, y)) for time in range(length)])
    return grained(clean, GRAIN, 7000)
