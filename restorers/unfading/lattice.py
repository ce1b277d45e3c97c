"""A function of color worked out once at the nodes of a lattice, and looked up between them for every pixel.

Each cell is cut into six tetrahedra around its diagonal from dark to light, so grays are made of grays alone. A pixel
is the weighted sum of the four corners of the tetrahedron that it lies in: in the order of its fractions, greatest
first, the corners are a walk along the axes from the darkest node to the lightest. Beyond the lattice the outermost
tetrahedra go on; there, what they give can step where a color passes from one cell to the next.

Kasson, Nin, Plouffe, Hafner, Performing color space conversions with three-dimensional linear interpolation, Journal of
Electronic Imaging 4(3), 1995. doi:10.1117/12.208656
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self, TypeAlias, cast

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from restorers.compiled import compiled
from restorers.restorer import Bench

Singles: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Grid: TypeAlias = tuple[int, np.float32, np.float32]
Found: TypeAlias = tuple[Tensor, Tensor]
"""Colors `(T, 3, H, W)`, and the fourth value `(T, H, W)`."""

BAND = 1 << 18  # pixels a worker takes at a time
PART = 2048  # pixels placed at a time
ABREAST = 16  # pixels added up at a time
ZERO, ONE = np.float32(0), np.float32(1)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Three channels of color, and a fourth value that rides along, at every node."""

    values: Singles
    """`(N, N, N, 4)` by red, green and blue, N from 2 to 256."""
    low: float
    """What the first node of each axis stands for."""
    high: float
    """What the last node stands for."""

    @classmethod
    def baked(cls, function: Callable[[Floats], Floats], size: int, low: float, high: float) -> Self:
        """A function of colors `(M, 3)` that gives `(M, 4)`, on `size` nodes an axis."""
        found = np.asarray(function(nodes(np.linspace(low, high, size))), np.float32)
        return cls(found.reshape(size, size, size, 4), low, high)

    def looked_up(self, frames: Tensor, bench: Bench, *, out: Found | None = None) -> Found:
        """What frames `(T, 3, H, W)` become, in memory of its own or in `out`, which spares the time to get any."""
        return _looked_up((self,), frames, None, bench, out)


def nodes(axis: Floats) -> Floats:
    """The colors `(N^3, 3)` of a lattice with nodes at these values `(N,)` of each axis, by red, green and blue."""
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def between(
    first: Lattice, second: Lattice, frames: Tensor, weight: Tensor | float, bench: Bench, *, out: Found | None = None
) -> Found:
    """What frames become by what lies between two lattices.

    Args:
        first: what there is where the weight is 0.
        second: what there is where it is 1, with the same nodes.
        frames: `(T, 3, H, W)`.
        weight: one for all, or `(H, W)`.
        bench: lends its workers.
        out: where it goes, if not in memory of its own.
    """
    if _grid(first) != _grid(second):
        raise ValueError(f"lattices of other nodes, {_grid(first)} and {_grid(second)}")
    if isinstance(weight, Tensor):
        return _looked_up((first, second), frames, weight, bench, out)
    start = first.values.astype(np.float64)
    values = np.asarray(start + weight * (second.values - start), np.float32)
    return Lattice(values, first.low, first.high).looked_up(frames, bench, out=out)


def _grid(lattice: Lattice) -> Grid:
    """Nodes an axis, what the first stands for, and how many there are to 1."""
    nodes = len(lattice.values)
    return nodes, np.float32(lattice.low), np.float32((nodes - 1) / (lattice.high - lattice.low))


def _looked_up(
    lattices: tuple[Lattice, ...], frames: Tensor, weight: Tensor | None, bench: Bench, out: Found | None
) -> Found:
    count, _, height, width = frames.shape
    pixels = height * width
    colors, fourth = out or (_blank(frames, *frames.shape), _blank(frames, count, height, width))
    if frames.device.type != "cpu":
        gather(lattices, frames, weight, (colors, fourth))
        return colors, fourth
    planes = frames.float().contiguous().numpy().reshape(count, 3, pixels)
    made = (colors.view(count, 3, pixels).numpy(), fourth.view(count, 1, pixels).numpy())
    tables = tuple(np.ascontiguousarray(lattice.values, np.float32).reshape(-1) for lattice in lattices)
    shares = np.empty(pixels, np.float32) if weight is None else weight.float().contiguous().numpy().reshape(-1)

    def lay(part: tuple[int, slice]) -> None:
        frame, band = part
        seen, laid = (
            tuple(plane[band] for plane in each) for each in (planes[frame], (*made[0][frame], *made[1][frame]))
        )
        _lay(seen, tables, shares[band], _grid(lattices[0]), laid)

    bands = [slice(start, start + BAND) for start in range(0, pixels, BAND)]
    bench.map(lay, [(frame, band) for frame in range(count) for band in bands])
    return colors, fourth


def _blank(like: Tensor, *shape: int) -> Tensor:
    """Memory on the same device; a processor's begins with a cache line, in NumPy's large pages, quicker to fill."""
    if like.device.type != "cpu":
        return like.new_empty(shape)
    line, size = 16, math.prod(shape)
    memory = np.empty(size + line, np.float32)
    start = -memory.ctypes.data // memory.itemsize % line
    return torch.from_numpy(memory[start : start + size]).view(shape)


def gather(lattices: tuple[Lattice, ...], frames: Tensor, weight: Tensor | None, out: Found) -> None:
    """Fill in the same on any device, to rounding: from one lattice, or by a weight between two of the same nodes."""
    tables = [torch.tensor(lattice.values, device=frames.device).view(-1, 4) for lattice in lattices]
    for frame, color, other in zip(frames, *out, strict=True):
        places, weights = _corners(frame, _grid(lattices[0]))
        mixed = []
        for table in tables:
            total = table[places[0]].mul_(weights[0][..., None])
            for place, share in zip(places[1:], weights[1:], strict=True):
                total.addcmul_(table[place], share[..., None])
            mixed.append(total)
        if weight is not None:
            mixed[0].lerp_(mixed[1], weight.to(frames)[..., None])
        color.copy_(mixed[0][..., :3].permute(2, 0, 1))
        other.copy_(mixed[0][..., 3])


def _corners(frame: Tensor, grid: Grid) -> tuple[list[Tensor], list[Tensor]]:
    """Places of four nodes, counted through the lattice, and their weights, each `(H, W)`."""
    nodes, low, scale = grid
    steps = (nodes * nodes, nodes, 1)
    at = (frame - float(low)) * float(scale)
    cell = at.clamp(0, nodes - 2).nan_to_num_(0).floor_()
    whole = cell.int()
    darkest = whole[0] * steps[0] + whole[1] * steps[1] + whole[2]
    r, g, b = at.sub_(cell)
    over, under, across = r >= g, g >= b, r >= b
    most, least = torch.maximum(torch.maximum(r, g), b), torch.minimum(torch.minimum(r, g), b)
    middle = torch.maximum(torch.minimum(r, g), torch.minimum(torch.maximum(r, g), b))
    red, green, blue = (darkest.new_tensor(step) for step in steps)
    first = torch.where(over, torch.where(across, red, blue), torch.where(under, green, blue))
    last = torch.where(over, torch.where(under, blue, green), torch.where(across, blue, red))
    lightest = darkest + sum(steps)
    return [darkest, darkest + first, lightest - last, lightest], [1 - most, most - middle, middle - least, least]


@compiled
def _lay(
    pixels: tuple[Singles, ...], tables: tuple[Singles, ...], shares: Singles, grid: Grid, out: tuple[Singles, ...]
) -> None:
    """Fill in four planes from three, by one table, or by shares `(pixels,)` between two."""
    red, green, blue = pixels
    places, weights = np.zeros((4, PART), np.int32), np.zeros((4 * len(tables), PART), np.float32)
    spare = np.empty((4, ABREAST), np.float32)
    for start in range(0, len(red), PART):
        stop = min(start + PART, len(red))
        _place((red[start:stop], green[start:stop], blue[start:stop]), grid, places, weights)
        if len(tables) == 2:
            _share(shares[start:stop], weights)
        whole = stop - (stop - start) % ABREAST
        for at in range(start, whole, ABREAST):
            _add_up(tables, (places, weights), (at - start, at), out)
        if whole < stop:
            _add_up(tables, (places, weights), (whole - start, 0), (spare[0], spare[1], spare[2], spare[3]))
            for channel in range(4):
                out[channel][whole:stop] = spare[channel, : stop - whole]


@compiled
def _place(pixels: tuple[Singles, ...], grid: Grid, places: NDArray[np.int32], weights: Singles) -> None:
    """The four nodes around each pixel, counted through the lattice, and how much each of them weighs."""
    red, green, blue = pixels
    darkest, second, third, lightest = places[0], places[1], places[2], places[3]
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    nodes, low, scale = grid
    end = np.float32(nodes - 2)
    across, along = np.float32(nodes * nodes), np.float32(nodes)
    diagonal = across + along + ONE
    for x in range(len(red)):
        r, g, b = (red[x] - low) * scale, (green[x] - low) * scale, (blue[x] - low) * scale
        i, j, k = r if r > ZERO else ZERO, g if g > ZERO else ZERO, b if b > ZERO else ZERO  # 0 for no number
        i, j, k = np.floor(i if i < end else end), np.floor(j if j < end else end), np.floor(k if k < end else end)
        r, g, b = r - i, g - j, b - k
        more, less = r if r >= g else g, g if r >= g else r
        most, least = more if more > b else b, less if less < b else b
        rest = more if more < b else b
        middle = less if less > rest else rest
        first = (across if r >= b else ONE) if r >= g else (along if g >= b else ONE)
        last = (ONE if g >= b else along) if r >= g else (ONE if r >= b else across)
        node = i * across + j * along + k  # exact up to 2 ** 24
        darkest[x], second[x] = np.int32(node), np.int32(node + first)
        third[x], lightest[x] = np.int32(node + (diagonal - last)), np.int32(node + diagonal)
        w0[x], w1[x], w2[x], w3[x] = ONE - most, most - middle, middle - least, least


@compiled
def _share(shares: Singles, weights: Singles) -> None:
    """Divide the weights of four nodes between two tables."""
    for corner in range(4):
        first, second = weights[corner], weights[corner + 4]
        for x in range(len(shares)):
            second[x] = first[x] * shares[x]
            first[x] = first[x] * (ONE - shares[x])


def _adding_up(_: Any, tables: Any, known: Any, at: Any, out: Any) -> Any:
    """Add up the nodes of 16 pixels that lie side by side, the four values of a node at once; and turn them to planes.

    The compiler does not find this in a loop by itself.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def starts(which: int) -> list[Any]:
            arrays = enumerate(signature.args[which])
            pick = builder.extract_value
            return [context.make_array(t)(context, builder, pick(arguments[which], n)).data for n, t in arrays]

        def node(table: Any, place: Any, weight: Any) -> Any:
            offset = builder.shl(builder.zext(builder.load(place), long), long(2))
            values = builder.load(builder.bitcast(builder.gep(table, [offset]), four.as_pointer()), align=4)
            once = builder.insert_element(ir.Constant(four, ir.Undefined), builder.load(weight), whole(0))
            return builder.fmul(values, builder.shuffle_vector(once, once, order([0] * 4)))

        def order(lanes: list[int]) -> Any:
            return ir.Constant(ir.VectorType(whole, len(lanes)), lanes)

        whole, long, single = ir.IntType(32), ir.IntType(64), ir.FloatType()
        four, row = ir.VectorType(single, 4), ir.VectorType(single, ABREAST)
        sources, (places, weights), planes = starts(0), starts(1), starts(3)
        begin, to = builder.extract_value(arguments[2], 0), builder.extract_value(arguments[2], 1)
        mixed: list[Any] = []
        for pixel in range(ABREAST):
            parts = []
            for corner in range(4 * len(sources)):
                place, weight = (
                    builder.gep(array, [builder.add(begin, long(line * PART + pixel))])
                    for array, line in ((places, corner % 4), (weights, corner))
                )
                parts.append(node(sources[corner // 4], place, weight))
            mixed.append(reduce(builder.fadd, parts))
        while len(mixed) > 1:
            lanes = order(list(range(2 * mixed[0].type.count)))
            mixed = [builder.shuffle_vector(*pair, lanes) for pair in zip(mixed[::2], mixed[1::2], strict=True)]
        for channel, plane in enumerate(planes):
            values = builder.shuffle_vector(mixed[0], mixed[0], order(list(range(channel, 4 * ABREAST, 4))))
            builder.store(values, builder.bitcast(builder.gep(plane, [to]), row.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(tables, known, at, out), emit


_add_up = cast(Callable[..., None], intrinsic(_adding_up))
