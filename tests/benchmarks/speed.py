"""How fast shots are steadied and evened: ours, examination and application, against both passes of the filters.

All begin with 8-bit codes in a raw file and end with codes in memory: nothing is decoded or encoded by anybody. Ours
reads scanned film, logarithmic codes of red, green and blue, and works on all of them in float; the filters read what
they are quickest at, planar 4:2:0 video.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers import Treatment
from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.deflicker import Deflicker
from restorers.render import Footage, Span
from restorers.restorer import Bench, Remedy
from restorers.stabilization import Stabilization
from tests.benchmarks import moves, wear
from tests.benchmarks.footage import decoded
from tests.benchmarks.peers import Ffmpeg, Frames
from tests.benchmarks.result import Row
from tests.benchmarks.timing import timed

SIZE, LENGTH, ROUNDS = (540, 960), 48, 3
ENLARGED, LARGE_LENGTH, LARGE_ROUNDS = 4, 12, 1
DETECT = "vidstabdetect=shakiness=5:result={log}"
TRANSFORM = "vidstabtransform=input={log}:smoothing=24:optalgo=gauss:optzoom=0:crop=keep:interpol=bicubic"
VIDSTAB = "vidstab, two passes"
FILTERS = {
    VIDSTAB: Ffmpeg(TRANSFORM, DETECT, pixels="yuv420p"),
    "deflicker": Ffmpeg("deflicker=size=5:mode=am", pixels="yuv420p"),
}
OURS: dict[str, Treatment] = {"reelwright stabilization": Stabilization(), "reelwright deflicker": Deflicker()}
STEADYING = ("reelwright stabilization", "of it, examination", VIDSTAB)


@dataclass
class Clocked:
    """Work whose processor seconds, its child processes' with them, are noted each time it is done."""

    work: Callable[[], object]
    seconds: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Do it."""
        before = os.times()
        self.work()
        self.seconds.append(sum(os.times()[:4]) - sum(before[:4]))


@dataclass(frozen=True, eq=False)
class RawScan:
    """A raw file of 8-bit logarithmic codes `(T, 3, H, W)` as the scan of one shot."""

    codes: NDArray[np.uint8]
    space: Space = Space.PRINTING_DENSITY
    white: float = 255.0

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop."""
        return Clip(torch.from_numpy(self.codes[first:stop].astype(np.float32)).div_(self.white), self.space, first)

    def footage(self, bench: Bench, *remedies: Remedy) -> Footage:
        """The shot with remedies on it, in the space of the scan."""
        return Footage(self, (Span(0, len(self.codes), remedies),), self.space, bench)


def rows(*, quick: bool, threads: int) -> Iterator[Row]:
    """Frames a second and processor seconds a frame of a static shot and a pan, at both sizes; printed."""
    for camera in ("still", "pan"):
        film = moves.photographed(moves.HELD_OUT[0], getattr(moves, camera), 12 if quick else LENGTH, size=SIZE)
        found = wear.take(film, wear.Wear(), seed=1000).found
        yield from _timed(f"speed 540p {camera}", found, 1 if quick else ROUNDS, threads)
        if not quick:
            # The same movement, four times as many lines and columns: no work hangs on what their detail is.
            larger = np.stack([_enlarged(frame) for frame in found[:LARGE_LENGTH]])
            yield from _timed(f"speed 4K {camera}", larger, LARGE_ROUNDS, threads, only=STEADYING)


def _timed(case: str, found: Frames, rounds: int, threads: int, only: tuple[str, ...] | None = None) -> Iterator[Row]:
    bench = Bench(workers=threads)
    with tempfile.TemporaryDirectory() as folder:
        raw, scanned = Path(folder) / "in.yuv", Path(folder) / "in.log"
        with raw.open("wb") as video, scanned.open("wb") as scan:
            for frame in found:
                np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)).tofile(video)
                light = decoded(frame[None]).in_space(Space.PRINTING_DENSITY).frames[0]
                codes(light).tofile(scan)
        shape = (len(found), 3, *found.shape[1:3])
        source = RawScan(np.memmap(scanned, np.uint8, "r", shape=shape))
        works: dict[str, Callable[[], object]] = {
            name: partial(treated, treatment, source, bench) for name, treatment in OURS.items()
        }
        works["of it, examination"] = partial(examined, Stabilization(), source, bench)
        works |= {name: partial(tool.over, raw, found.shape) for name, tool in FILTERS.items()}
        contenders = {name: Clocked(work) for name, work in works.items() if only is None or name in only}
        taken = timed(contenders, rounds=rounds, warm_up=1 if rounds > 1 else 0)
    processor = {name: median(clocked.seconds[-rounds:]) for name, clocked in contenders.items()}
    print(f"\n{case}, {len(found)} frames of {found.shape[2]}x{found.shape[1]}, {rounds} rounds")
    for method, timing in taken.items():
        rate, spread = len(found) / timing.median, len(found) * timing.spread / timing.median**2
        cpu = 1000 * processor[method] / len(found)
        against = timing.median / taken[VIDSTAB].median, processor[method] / processor[VIDSTAB]
        shown = f"{rate:8.2f} frames/s  {cpu:8.1f} CPU ms a frame"
        print(f"{method:26} {shown}  of vidstab: {against[0]:.2f} wall, {against[1]:.2f} CPU", flush=True)
        shared = partial(Row, case=case, method=method, n=rounds)
        yield shared(metric="speed", value=rate, unit="frames/s", spread=spread)
        yield shared(metric="processor time a frame", value=cpu, unit="ms", spread=0)
        yield shared(metric="processor time against vidstab", value=against[1], unit="", spread=0)


def examined(treatment: Treatment, source: RawScan, bench: Bench) -> Remedy:
    """The remedy for a raw scan."""
    return treatment.examine(replace(source.footage(bench), space=treatment.space), bench)


def treated(treatment: Treatment, source: RawScan, bench: Bench) -> None:
    """Examination and application, to 8-bit codes that are thrown away."""
    applied(examined(treatment, source, bench), source, bench)


def applied(found: Remedy, source: RawScan, bench: Bench) -> None:
    """Application of what was found, to 8-bit codes that are thrown away."""
    for numbers, clip in source.footage(bench, found).windows():
        bench.map(codes, [clip[number] for number in numbers])


def codes(frame: torch.Tensor) -> NDArray[np.uint8]:
    """A frame in the space of a scan as 8-bit codes."""
    return np.asarray((frame * 255).round_().clamp_(0, 255).to(torch.uint8).numpy())


def _enlarged(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (ENLARGED * frame.shape[1], ENLARGED * frame.shape[0])
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)
