"""Four films of 1903 to 1920, steadied and evened: no truth is known, so the measures of the report judge them.

Those find motion by correlation and light by cells, not by the flow that the treatments use.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch

from restorers.colorspace import luma
from restorers.deflicker import Deflicker
from restorers.metrics.flicker import Exposure
from restorers.metrics.sharpness import sharpness
from restorers.metrics.spectrum import Spectra
from restorers.metrics.weave import PicturePath, weave
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from tests.benchmarks.footage import restored
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Ffmpeg, Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.stabilizers import DETECT, TRANSFORM
from tests.benchmarks.wear import density_of

FILMS: Mapping[str, str] = {
    "within our gates": "within_our_gates",
    "train robbery": "the_great_train_robbery",
    "earthquake": "san_francisco_earthquake_and_fire",
    "market street": "a_trip_down_market_street_before_the_fire",
}
CASES: Mapping[str, tuple[str, ...]] = {"films": tuple(FILMS)}
GOALS: Mapping[str, Mapping[str, Goal]] = {}
QUICK_FRAMES = 16
PLANAR = "format=yuv444p,"
STEADIERS: Mapping[str, Ffmpeg] = {
    f"vidstab smoothing={frames}": Ffmpeg(f"{PLANAR}{TRANSFORM}:smoothing={frames}", f"{PLANAR}{DETECT}", threads=1)
    for frames in (8, 24)
}
EVENERS: Mapping[str, Ffmpeg] = {
    f"deflicker size={size}": Ffmpeg(f"deflicker=size={size}:mode=am", threads=1) for size in (5, 10)
}
SLICE_PX = 6  # width of a frame in the picture of a column over time
SHOWN = ("as found", "reelwright, both", "vidstab 24 and deflicker 10")


def trials(section: str, extent: Extent) -> Iterator[str]:
    """The films."""
    yield from CASES[section]


def readings(name: str, extent: Extent) -> list[Reading]:
    """How every contender leaves a film; its pictures are written on the way."""
    found = film(name)[: QUICK_FRAMES if extent.quick else None]
    shown: dict[str, Frames] = {}
    judged: list[Reading] = []
    for method, done in treated(found, peers=extent.peers):
        judged += _judged(name, method, done)
        if method in SHOWN:
            shown[method] = done
    if extent.pictures:
        pictures(FILMS[name], list(shown.values()), extent.pictures)
    return judged


def film(name: str) -> Frames:
    """The frames of a film as scanned, 8-bit `(T, H, W, 3)`.

    Raises:
        FileNotFoundError: the film is not there.
    """
    files = sorted((FOOTAGE / "film" / FILMS[name]).glob("*.png"))
    if not files:
        raise FileNotFoundError(f"no frames of {name} in {FOOTAGE / 'film' / FILMS[name]}")
    return np.stack([np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR))[..., ::-1] for file in files])


def treated(found: Frames, *, peers: bool) -> Iterator[tuple[str, Frames]]:
    """What each contender makes of a film."""
    bench = Bench()
    steady = restored(Stabilization(), found, bench)
    yield "as found", found
    yield "reelwright, steadied", steady
    yield "reelwright, evened", restored(Deflicker(), found, bench)
    yield "reelwright, both", restored(Deflicker(), steady, bench)
    if peers:
        methods: Mapping[str, Callable[[Frames], Frames]] = {**STEADIERS, **EVENERS}
        for name, peer in methods.items():
            yield name, peer(found)
        yield "vidstab 24 and deflicker 10", EVENERS["deflicker size=10"](STEADIERS["vidstab smoothing=24"](found))


def pictures(name: str, done: list[Frames], folder: Path) -> None:
    """Write three frames in a row, and a column over time, as found and as treated, one under the other."""
    middle = len(done[0]) // 2
    strip = [np.concatenate(list(frames[middle : middle + 3]), axis=1) for frames in done]
    for kind, rows in (("frames", strip), ("column", [_column(frames) for frames in done])):
        cv2.imwrite(str(folder / f"{name}-{kind}.png"), np.concatenate(rows, axis=0)[..., ::-1])


def _column(frames: Frames) -> Frames:
    """The middle column of each frame beside that of the next, `(H, T * SLICE_PX, 3)`."""
    middle = frames.shape[2] // 2
    return np.concatenate([np.repeat(frame[:, middle : middle + 1], SLICE_PX, axis=1) for frame in frames], axis=1)


def _judged(name: str, method: str, done: Frames) -> Iterator[Reading]:
    path, exposure, spectra = PicturePath(), Exposure(), Spectra()
    for frame in done:
        gray = np.ascontiguousarray(luma(torch.from_numpy(density_of(frame)).permute(2, 0, 1))[0].numpy())
        shift = path.add(gray)
        exposure.add(gray, shift)
        spectra.add(gray, shift)
    x, y = weave(path.path) or (None, None)
    light, fine = exposure.flicker, spectra.radial
    values: dict[tuple[str, str], float | None] = {
        ("weave x", "px"): x,
        ("weave y", "px"): y,
        ("flicker step", "D"): light.step if light else None,
        ("flicker fast", "D"): light.fast if light else None,
        ("flicker slow", "D"): light.slow if light else None,
        ("flicker uneven", "D"): light.uneven if light else None,
        ("sharpness", ""): sharpness(fine.picture) if fine else None,
    }
    for (metric, unit), value in values.items():
        if value is not None:
            yield Reading(name, name, method, metric, value, unit, higher_is_better=metric == "sharpness")
