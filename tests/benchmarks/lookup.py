"""How fast and how exact the lattice of an undone fade is: at 4K, beside OpenColorIO's tetrahedral lookup."""

from collections.abc import Callable, Iterator
from typing import Any

import colour
import cv2
import numpy as np
import torch

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC
from restorers.dyes.stocks import Floats, generic
from restorers.restorer import Bench
from restorers.unfading.baking import Undoing
from restorers.unfading.lattice import Lattice
from restorers.unfading.optics import Reading
from tests.benchmarks.fades import FOOTAGE
from tests.benchmarks.result import Row
from tests.benchmarks.timing import timed

SIZE, QUICK = (2160, 4096), (540, 1024)
LOW, HIGH, NODES = -0.1, 2.2, 65
ROUNDS = 7
FADE = Fade((0.4, 0.85, 0.6), bend=0.03, stain=0.12, product=0.02)
CASE = "lookup"
RGBA, RGB = "OpenColorIO, rgba", "OpenColorIO, rgb"


def rows(*, quick: bool, threads: int) -> Iterator[Row]:
    """Frames a second, ours and OCIO's, and by how much dE2000 the lattice is beside what it was baked of; printed."""
    undoing = Undoing(Film(generic(), GENERIC), Reading.DENSITY, "projected", 1.0, 0.0)
    for nodes in (33, NODES):
        lattice = undoing.baked(FADE, (), size=nodes, low=LOW, high=HIGH)
        yield from _exactness(undoing, lattice)
    yield from _speed(lattice, QUICK if quick else SIZE, threads)


def _exactness(undoing: Undoing, lattice: Lattice) -> Iterator[Row]:
    """On colors that the fade leaves of a photograph."""
    film = undoing.film
    chance = np.random.default_rng(0)
    picture = _photograph((240, 360)).reshape(-1, 3)
    shown = FADE.shown(film, film.amounts(picture)) + 0.004 * chance.standard_normal(picture.shape)
    exact = undoing.made(FADE, shown)
    frames = torch.from_numpy(shown.T.reshape(1, 3, 1, -1)).float()
    found = lattice.looked_up(frames, Bench())[0].reshape(3, -1).T.double().numpy()
    labs = [projection.lab(np.maximum(projection.of_rec709(10**-each), 1e-6)) for each in (exact, found)]
    apart = np.asarray(colour.delta_E(*labs, method="CIE 2000"))
    nodes = len(lattice.values)
    for metric, value in (("median", np.median(apart)), ("p95", np.quantile(apart, 0.95)), ("worst", apart.max())):
        print(
            f"{CASE}, {nodes} nodes, beside exact, {metric}: {value:.4f} dE2000"
            + (" (goal p95 0.05)" * (nodes == NODES))
        )
        yield Row(
            case=CASE, method=f"ours, {nodes} nodes", metric=metric, value=float(value), unit="dE2000", spread=0,
            n=len(apart),
        )  # fmt: skip


def _speed(lattice: Lattice, size: tuple[int, int], threads: int) -> Iterator[Row]:
    chance = np.random.default_rng(1)
    coherent = _photograph(size) + 0.008 * chance.standard_normal((*size, 3))
    pictures = {"a photograph": coherent, "random colors": chance.uniform(0, 2, (*size, 3))}
    for name, picture in pictures.items():
        frames = torch.from_numpy(np.ascontiguousarray(picture.astype(np.float32).transpose(2, 0, 1)))[None]
        contenders: dict[str, Callable[[], object]] = {
            f"ours, {workers} worker{'s' * (workers > 1)}": _Ours(lattice, frames, Bench(workers=workers))
            for workers in dict.fromkeys((1, threads))
        }
        single = picture.astype(np.float32)
        contenders |= {RGBA: _Ocio(lattice, np.dstack([single, single[..., :1]])), RGB: _Ocio(lattice, single)}
        taken = timed(contenders, rounds=ROUNDS)
        for method, timing in taken.items():
            faster = taken[RGBA].median / timing.median
            where = f"{CASE}, {size[1]}x{size[0]}, {name}"
            print(f"{where:44} {method:24} {1000 * timing.median:8.1f} ms, {faster:.2f} x as fast as {RGBA}")
            rate = 1 / timing.median
            yield Row(
                case=f"{CASE}, {name}", method=method, metric="speed", value=rate, unit="frames/s",
                spread=timing.spread * rate**2, n=timing.rounds,
            )  # fmt: skip


class _Ours:
    """A lookup, to memory that is there already."""

    def __init__(self, lattice: Lattice, frames: torch.Tensor, bench: Bench) -> None:
        self.lattice, self.frames, self.bench = lattice, frames, bench
        self.out = lattice.looked_up(frames, bench)

    def __call__(self) -> None:
        self.lattice.looked_up(self.frames, self.bench, out=self.out)


class _Ocio:
    """One apply on packed single floats, to memory that is there already."""

    def __init__(self, lattice: Lattice, picture: np.ndarray) -> None:
        ocio = _ocio()
        height, width, channels = picture.shape
        self.processor, self.source = _processor(lattice), np.ascontiguousarray(picture)
        self.target = np.zeros_like(self.source)
        self.ends = [ocio.PackedImageDesc(e, width, height, channels) for e in (self.source, self.target)]

    def __call__(self) -> None:
        self.processor.apply(*self.ends)


def _processor(lattice: Lattice) -> Any:
    """OpenColorIO with the same lattice, tetrahedral, and the line that brings densities to it."""
    ocio, nodes = _ocio(), len(lattice.values)
    table = ocio.Lut3DTransform(nodes)
    table.setInterpolation(ocio.INTERP_TETRAHEDRAL)
    table.setData(np.ascontiguousarray(lattice.values[..., :3]).reshape(-1))
    scale = 1 / (lattice.high - lattice.low)
    line = ocio.MatrixTransform(
        matrix=np.diag([scale, scale, scale, 1]).reshape(-1).tolist(), offset=[-lattice.low * scale] * 3 + [0]
    )
    made = ocio.Config.CreateRaw().getProcessor(ocio.GroupTransform([line, table]))
    return made.getDefaultCPUProcessor()


def _ocio() -> Any:
    try:
        import PyOpenColorIO  # a peer, which is not installed with the project
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("OpenColorIO takes part if installed: pip install -e '.[bench]'") from error
    return PyOpenColorIO


def _photograph(size: tuple[int, int]) -> Floats:
    """A photograph's densities `(H, W, 3)`."""
    picture = cv2.imread(str(FOOTAGE / "images" / "kodak24" / "kodim05.png"))
    large = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)[..., ::-1] / 255.0
    return -np.log10(0.98 * np.clip(large, 0, 1) ** 2.2 + 0.01)
