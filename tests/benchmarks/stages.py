"""Every treatment against the tools people use for the same work: `python -m tests.benchmarks.stages [--quick]`."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers import Treatment
from restorers.clip import Clip
from restorers.damage import Aging, Fading, aged, fade
from restorers.decay import DecayCorrection
from restorers.deflicker import Deflicker
from restorers.enhancement import Enhancement
from restorers.repair import Repair
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from tests.benchmarks import peers, quality
from tests.benchmarks.footage import SIZES, coded, filmed, restored
from tests.benchmarks.peers import Ffmpeg, Frames
from tests.benchmarks.result import Result, Row, header
from tests.benchmarks.timing import timed

SUITE = "stages"
THREADS = 2
LENGTHS = {"480p": 12, "1080p": 4, "4K": 3}
ROUNDS = {"480p": 3, "1080p": 3, "4K": 2}
QUICK_SIZES = ("480p",)
DEGRAIN = Enhancement(profile="linear", grain="none")
ENLARGE = Enhancement(scale=2)


@dataclass(frozen=True)
class Match:
    """Ours and its peers on one stage."""

    ours: Treatment
    ffmpeg: Mapping[str, Ffmpeg]
    opencv: Mapping[str, Callable[[Frames], Frames]]


MATCHES = {
    "decay": Match(DecayCorrection(), peers.NORMALIZERS, {"OpenCV gray world": peers.gray_world}),
    "stabilization": Match(Stabilization(), peers.STABILIZERS, {}),
    "deflicker": Match(Deflicker(), peers.DEFLICKERS, {}),
    "repair": Match(
        Repair(),
        peers.CLEANERS,
        {"OpenCV median + Telea": peers.median_and_inpainting, "temporal median": peers.temporal_median},
    ),
    "degrain": Match(DEGRAIN, peers.DEGRAINERS, {}),
    "enlargement": Match(
        ENLARGE,
        peers.ENLARGERS,
        {
            "OpenCV Lanczos": partial(peers.enlarged_by_opencv, interpolation=cv2.INTER_LANCZOS4),
            "OpenCV cubic": partial(peers.enlarged_by_opencv, interpolation=cv2.INTER_CUBIC),
        },
    ),
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few frames and rounds, to see that all is in order")
    parser.add_argument("--only", choices=("speed", "quality"), help="one half")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    # Frames are spread over the bench's workers; libraries that each start two threads more only get in their way.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    bench = Bench(workers=THREADS)
    circumstances = header(SUITE, threads=THREADS)
    rows: list[Row] = []
    halves = {"quality": quality_rows(bench, quick=asked.quick), "speed": speed_rows(bench, quick=asked.quick)}
    for half, measured in halves.items():
        if asked.only in (None, half):
            for row in measured:
                shown = f"{row.value:10.3f} {row.unit:10} +- {row.spread:.3f} (n {row.n})"
                print(f"{row.case:24} {row.method:30} {row.metric:20} {shown}", flush=True)
                rows.append(row)
    result = Result(header=circumstances, rows=tuple(rows))
    path = result.write(asked.out) if asked.out else result.write()
    print(path, file=sys.stderr)


def speed_rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """Frames and megapixels a second of every stage and its peers, at every size."""
    for name in QUICK_SIZES if quick else SIZES:
        size, rounds = SIZES[name], 1 if quick else ROUNDS[name]
        found = coded(aged(filmed(size, LENGTHS[name]), _worn(size), bench).clip)
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "in.rgb"
            found.tofile(raw)
            for stage, match in MATCHES.items():
                yield from _speed(f"{stage} {name}", match, found, raw, bench=bench, rounds=rounds)


def _speed(case: str, match: Match, found: Frames, raw: Path, *, bench: Bench, rounds: int) -> Iterator[Row]:
    contenders: dict[str, Callable[[], object]] = {"reelwright": partial(restored, match.ours, found, bench)}
    contenders |= {name: partial(tool.over, raw, found.shape) for name, tool in match.ffmpeg.items()}
    contenders |= {name: partial(tool, found) for name, tool in match.opencv.items()}
    megapixels = found.shape[1] * found.shape[2] / 1e6
    for method, timing in timed(contenders, rounds=rounds).items():
        rate, spread = len(found) / timing.median, len(found) * timing.spread / timing.median**2
        rows = (("speed", rate, "frames/s", spread), ("throughput", rate * megapixels, "MP/s", spread * megapixels))
        for metric, value, unit, apart in rows:
            yield Row(case=case, method=method, metric=metric, value=value, unit=unit, spread=apart, n=timing.rounds)


def quality_rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """How close every stage and its peers come to the truth."""
    size, frames = SIZES["480p"], 12 if quick else 24
    yield from _decay(bench, 3 if quick else 8)
    for move, still in (("still camera", True), ("pan", False)):
        yield from _stabilization(f"stabilization {move}", filmed(size, frames, still=still), bench, still=still)
    film = filmed(size, frames)
    yield from _deflicker("deflicker pan", film, bench)
    yield from _repair("repair pan", film, bench)
    yield from _degrain("degrain pan", film, bench)
    yield from _enlargement("enlargement pan", film, bench)


def _worn(size: tuple[int, int]) -> Aging:
    return Aging.typical(size[0]).model_copy(update={"fading": None})


def _contenders(stage: str, bench: Bench) -> dict[str, Callable[[Frames], Frames]]:
    match = MATCHES[stage]
    ours: dict[str, Callable[[Frames], Frames]] = {"reelwright": lambda frames: restored(match.ours, frames, bench)}
    return {"as found": lambda frames: frames} | ours | dict(match.ffmpeg) | dict(match.opencv)


def _decay(bench: Bench, frames: int) -> Iterator[Row]:
    # A reel's worth of pictures, for all contenders alike: fading is the same for the whole of it.
    film = quality.joined([filmed(SIZES["480p"], frames, scene=scene) for scene in range(3)])
    faded = coded(fade(film, Fading()))
    for method, work in _contenders("decay", bench).items():
        yield from quality.color_rows("decay reel", method, film, work(faded))


def _stabilization(case: str, film: Clip, bench: Bench, *, still: bool) -> Iterator[Row]:
    only = _worn(film.size).model_copy(update={"soiling": None, "flickering": None})
    shaken = coded(aged(film, only, bench).clip)
    contenders = _contenders("stabilization", bench) | (dict(peers.TRIPOD) if still else {})
    for method, work in contenders.items():
        yield from quality.movement_rows(case, method, film, work(shaken), bench)


def _deflicker(case: str, film: Clip, bench: Bench) -> Iterator[Row]:
    only = _worn(film.size).model_copy(update={"soiling": None, "shaking": None})
    lit = coded(aged(film, only, bench).clip)
    for method, work in _contenders("deflicker", bench).items():
        yield from quality.light_rows(case, method, film, work(lit), bench)


def _repair(case: str, film: Clip, bench: Bench) -> Iterator[Row]:
    grainy = aged(film, Aging(graining=_worn(film.size).graining), bench).clip
    dirty = aged(film, _worn(film.size).model_copy(update={"shaking": None, "flickering": None}), bench)
    mask: NDArray[np.bool_] = dirty.soiled().numpy()
    told = {"Telea, told the mask": partial(peers.told_inpainting, masks=mask)}
    for method, work in (_contenders("repair", bench) | told).items():
        yield from quality.dirt_rows(case, method, coded(grainy), work(coded(dirty.clip)), mask)


def _degrain(case: str, film: Clip, bench: Bench) -> Iterator[Row]:
    grainy = coded(aged(film, Aging(graining=_worn(film.size).graining), bench).clip)
    for method, work in _contenders("degrain", bench).items():
        yield from quality.fidelity_rows(case, method, coded(film), work(grainy))


def _enlargement(case: str, film: Clip, bench: Bench) -> Iterator[Row]:
    truth = coded(film)
    halved = quality.halved(truth)
    for method, work in _contenders("enlargement", bench).items():
        if method != "as found":
            yield from quality.fidelity_rows(case, method, truth, work(halved))


if __name__ == "__main__":
    main()
