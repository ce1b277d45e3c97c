"""Large pictures shown to a network tile by tile, with nothing to be seen of it in the result."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from torch import Tensor

from restorers.restorer import Bench


def tiled(
    run: Callable[[Tensor], Tensor],
    planes: Tensor,
    *,
    tile: int,
    overlap: int,
    multiple: int = 1,
    bench: Bench | None = None,
) -> Tensor:
    """What a network makes of large planes, run tile by tile so that memory is bounded.

    Tiles lie within the picture, so that its borders look to the network as in the whole. Where the overlap is no less
    than the network's reach, the result is that of the whole: to the bit on a processor in fp32 and int8; in bf16 tiles
    of some 40 pixels a side were found to differ by its rounding.

    Args:
        run: the network, `(N, C, h, w)` to `(N, ..., s h, s w)`.
        planes: `(N, C, H, W)`.
        tile: longest side of a tile, pixels; all tiles of a picture are of one size, no larger than so many need be.
        overlap: how far from a tile's inner edges nothing is kept, pixels.
        multiple: tiles begin at multiples of it, and H, W and `tile` must be multiples too.
        bench: its workers run tiles side by side; the caller alone does without it.

    Raises:
        ValueError: sides are no multiples, or a tile is all overlap.
    """
    height, width = planes.shape[-2:]
    down, across = _spans(height, tile, overlap, multiple), _spans(width, tile, overlap, multiple)
    first, *others = ((row, column) for row in down for column in across)
    begun = run(_cut(planes, *first))
    if not others:
        return begun
    scales = tuple(Fraction(begun.shape[axis], first[axis].stop - first[axis].start) for axis in (-2, -1))
    if any((scale * multiple).denominator != 1 for scale in scales):
        raise ValueError(
            f"the network's scale {scales[0]} x {scales[1]} takes tiles at multiples of more than {multiple}"
        )
    whole = begun.new_empty((*begun.shape[:-2], int(height * scales[0]), int(width * scales[1])))

    def put(place: tuple[_Span, _Span], drawn: Tensor) -> None:
        rows, columns = (span.kept(scale, since=0) for span, scale in zip(place, scales, strict=True))
        high, wide = (span.kept(scale, since=span.start) for span, scale in zip(place, scales, strict=True))
        whole[..., rows, columns] = drawn[..., high, wide]

    put(first, begun)
    (bench or Bench()).map(lambda place: put(place, run(_cut(planes, *place))), others)
    return whole


class _Span(NamedTuple):
    """Rows or columns of a tile: start <= n < stop is shown to the network, first <= n < last is kept."""

    start: int
    stop: int
    first: int
    last: int

    def kept(self, scale: Fraction, *, since: int) -> slice:
        return slice(int((self.first - since) * scale), int((self.last - since) * scale))


def _cut(planes: Tensor, row: _Span, column: _Span) -> Tensor:
    return planes[..., row.start : row.stop, column.start : column.stop].contiguous()


def _spans(size: int, tile: int, overlap: int, multiple: int) -> list[_Span]:
    if size % multiple or tile % multiple:
        raise ValueError(f"a side of {size} and tiles of {tile} pixels must be multiples of {multiple}")
    if size <= tile:
        return [_Span(0, size, 0, size)]
    margin = -(-overlap // multiple) * multiple
    if (step := tile - 2 * margin) <= 0:
        raise ValueError(f"tiles of {tile} pixels have nothing but their overlap of {margin}")
    count = math.ceil((size - 2 * margin) / step)
    step = math.ceil((size - 2 * margin) / count / multiple) * multiple  # no larger than so many need be
    tile = step + 2 * margin
    starts = [*range(0, size - tile, step), size - tile]
    edges = [0, *(start + tile - margin for start in starts[:-1]), size]
    return [_Span(start, start + tile, *edges[i : i + 2]) for i, start in enumerate(starts)]
