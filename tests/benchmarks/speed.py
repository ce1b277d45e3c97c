"""How fast shots are steadied and evened: ours, examination and application, against both passes of the filters."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from restorers import Treatment
from restorers.deflicker import Deflicker
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from tests.benchmarks import moves
from tests.benchmarks.footage import restored
from tests.benchmarks.peers import Ffmpeg, Frames
from tests.benchmarks.result import Row
from tests.benchmarks.timing import timed

SIZES = {"540p": ((540, 960), 48), "4K": ((2160, 3840), 12)}
ROUNDS = 3
DETECT = "vidstabdetect=shakiness=5:result={log}"
TRANSFORM = "vidstabtransform=input={log}:smoothing=24:optalgo=gauss:optzoom=0:crop=keep:interpol=bicubic"
VIDSTAB = "vidstab, two passes"
FILTERS = {
    VIDSTAB: Ffmpeg(TRANSFORM, DETECT, pixels="yuv420p"),
    "deshake": Ffmpeg("deshake", pixels="yuv420p"),
    "deflicker": Ffmpeg("deflicker=size=5:mode=am", pixels="yuv420p"),
}
"""What they are quickest at: planar 4:2:0."""
OURS: dict[str, Treatment] = {"reelwright stabilization": Stabilization(), "reelwright deflicker": Deflicker()}


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


def rows(*, quick: bool, threads: int) -> Iterator[Row]:
    """Frames a second and processor seconds a frame of a static shot and a pan, at both sizes; printed."""
    # Frames are spread over the bench's workers; libraries that each start two threads more only get in their way.
    for name, (size, length) in list(SIZES.items())[: 1 if quick else None]:
        for camera in ("still", "pan"):
            film = moves.photographed(moves.HELD_OUT[0], getattr(moves, camera), 12 if quick else length, size=size)
            found = moves.take(film, moves.Wear(), seed=1000).found
            yield from _timed(f"speed {name} {camera}", found, 1 if quick else ROUNDS, threads)


def _timed(case: str, found: Frames, rounds: int, threads: int) -> Iterator[Row]:
    bench = Bench(workers=threads)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "in.yuv"
        np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420) for frame in found]).tofile(raw)
        contenders = {name: Clocked(partial(restored, ours, found, bench)) for name, ours in OURS.items()}
        contenders |= {name: Clocked(partial(tool.over, raw, found.shape)) for name, tool in FILTERS.items()}
        taken = timed(contenders, rounds=rounds)
    print(f"\n{case}, {len(found)} frames, {rounds} rounds")
    reference = median(contenders[VIDSTAB].seconds[-rounds:])
    for method, timing in taken.items():
        cpu = median(contenders[method].seconds[-rounds:])
        rate, spread = len(found) / timing.median, len(found) * timing.spread / timing.median**2
        against = timing.median / taken[VIDSTAB].median, cpu / reference
        shown = f"{rate:8.2f} frames/s  {1000 * cpu / len(found):8.1f} CPU ms a frame"
        print(f"{method:26} {shown}  of vidstab: {against[0]:.2f} wall, {against[1]:.2f} CPU", flush=True)
        yield Row(case=case, method=method, metric="speed", value=rate, unit="frames/s", spread=spread, n=rounds)
        yield Row(
            case=case,
            method=method,
            metric="processor time a frame",
            value=1000 * cpu / len(found),
            unit="ms",
            spread=0,
            n=rounds,
        )
