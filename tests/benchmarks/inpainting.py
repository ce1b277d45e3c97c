"""What space knows under a hole: the painter beside Telea, Navier-Stokes and FSR, on pictures none of them has seen.

`python -m tests.benchmarks.inpainting`; `--quick` takes two pictures, to see that all is in order; `--out FOLDER` puts
the result elsewhere. Kodak's 24 photographs, a face, and printed text, as grainy film; holes as dust, hairs, scratches
and blotches leave them, and real shapes of damage, those that the painter has not learned from. PSNR is that of all
holes of a kind together, in sRGB against the picture without grain; GMSD is of the picture in which nothing but the
holes differs, on average.

Each method of ours fills a hole in film density; the peers are OpenCV's functions as people use them, on 8-bit sRGB.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, get_args

import cv2
import numpy as np
import skimage
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from torch import Tensor

from restorers.cleaning.inpainting import Method, filled
from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.graining import Graining, grain
from restorers.metrics.fidelity import decibels, gmsd, squared_error
from restorers.restorer import Bench
from restorers.training import painting
from tests.benchmarks import repairers
from tests.benchmarks.footage import coded, decoded
from tests.benchmarks.result import RESULTS, Result, Row, header

Mask: TypeAlias = NDArray[np.bool_]

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SIZE = 192
CELL = 96
SIGMA = 0.055  # density at density 1: six levels of 8-bit sRGB in middle tones
PEERS = ("Telea", "Navier-Stokes")
KINDS: Mapping[str, Callable[[np.random.Generator, int], Mask]] = {
    "dust": painting.specks,
    "hair": painting.hairs,
    "scratch": painting.scratches,
    "blotch": painting.blotch,
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")
    circumstances = header("inpainting", threads=1)
    rows = [row for case, pictures in _pictures(asked.quick).items() for row in _measured(case, pictures)]
    _show(rows)
    print(Result(header=circumstances, rows=tuple(rows)).write(asked.out), file=sys.stderr)


def _pictures(quick: bool) -> dict[str, list[Tensor]]:
    """Pictures of 192 pixels a side, those of text 172, by what they show, in sRGB."""
    kodak = sorted((DATA / "images" / "kodak24").glob("*.png"))[: 2 if quick else None]
    shipped = Path(skimage.__file__).parent / "data"
    return {
        "photographs": [_cut(path) for path in kodak],
        "face": [_cut(shipped / "astronaut.png", (20, 130))],
        "text": [_cut(shipped / "page.png", (0, 0), 172), _cut(shipped / "text.png", (0, 0), 172)],
    }


def _cut(path: Path, corner: tuple[int, int] | None = None, size: int = SIZE) -> Tensor:
    picture = np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
    top, left = corner or ((picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2)
    return decoded(picture[None, top : top + size, left : left + size]).frames[0]


def _measured(case: str, pictures: list[Tensor]) -> Iterator[Row]:
    for kind in (*KINDS, "real shapes"):
        errors: dict[str, list[float]] = defaultdict(list)
        weights, spoilt = [], defaultdict(list)
        for number, clean in enumerate(pictures):
            hole = _hole(kind, number, (clean.shape[1], clean.shape[2]))
            weights.append(int(hole.sum()))
            for method, done in _contenders(clean, hole, number):
                mended = torch.where(torch.from_numpy(hole), done, clean)
                errors[method].append(squared_error(clean[:, hole], mended[:, hole]))
                spoilt[method].append(gmsd(clean, mended))
        for method, each in errors.items():
            level = decibels(float(np.average(each, weights=weights)))
            name = f"{kind}, {case}"
            yield Row(case=name, method=method, metric="PSNR in holes", value=level, unit="dB", spread=0, n=len(each))
            deviation = float(np.mean(spoilt[method]))
            yield Row(case=name, method=method, metric="GMSD", value=deviation, unit="", spread=0, n=len(each))


def _contenders(clean: Tensor, hole: Mask, number: int) -> Iterator[tuple[str, Tensor]]:
    """What each makes of the picture as grainy film with a hole, in sRGB."""
    bench = Bench(seed=900 + number)
    film, _ = grain(Clip(clean[None], Space.SRGB, 0).in_space(Space.DENSITY), Graining(sigma=SIGMA), bench)
    there = torch.from_numpy(hole)
    density = torch.where(there, 1.5, film.frames[0])
    for method in get_args(Method):
        done = filled(density, there, method, bench)
        yield f"reelwright {method}", Clip(done[None], Space.DENSITY, 0).in_space(Space.SRGB).frames[0].clamp(0, 1)
    codes = coded(Clip(density[None], Space.DENSITY, 0))
    for name in PEERS:
        yield f"OpenCV {name}", decoded(repairers.FILLERS[name](codes, hole[None])).frames[0]


def _hole(kind: str, number: int, size: tuple[int, int]) -> Mask:
    """Holes of a kind all over a picture."""
    chance = np.random.default_rng((7000, number, len(kind)))
    if kind == "real shapes":
        folder = DATA / "film" / "damage_masks"
        unseen = [
            path for name in ("dirt", "hair-short", "lint") for path in sorted((folder / name).glob("*.png"))[1::2]
        ]
        shape = cv2.imread(str(unseen[number * len(unseen) // 24 % len(unseen)]), cv2.IMREAD_UNCHANGED)[..., 3]
        half = cv2.resize(shape.astype(np.float32), None, fx=0.64, fy=0.64, interpolation=cv2.INTER_AREA) > 76
        return np.ascontiguousarray(half[: size[0], : size[1]])
    cells = [np.concatenate([KINDS[kind](chance, CELL) for _ in range(2)], axis=1) for _ in range(2)]
    return np.ascontiguousarray(np.concatenate(cells)[: size[0], : size[1]])


def _show(rows: list[Row]) -> None:
    methods = list(dict.fromkeys(row.method for row in rows))
    for metric, form in (("PSNR in holes", "{:.2f}"), ("GMSD", "{:.4f}")):
        table = Table("holes", *methods, title=metric)
        for case in dict.fromkeys(row.case for row in rows):
            values = {row.method: row.value for row in rows if row.case == case and row.metric == metric}
            table.add_row(case, *(form.format(values[method]) for method in methods))
        Console(width=160).print(table)


if __name__ == "__main__":
    main()
