"""Film grain as AV1 carries it: the synthesis of its specification, on densities as 10-bit codes, as a peer.

AV1 Bitstream & Decoding Process Specification, version 1.0.0 with errata 1, section 7.18.3: an autoregressive field of
lag 3 in a template of 73 x 82, blocks of 32 x 32 from chance places in it, blended over two pixels, scaled by up to 14
points over a plane's own codes. Norkin, Birkbeck, DCC 2018, doi:10.1109/DCC.2018.00008. Random numbers are NumPy's, not
its register and table; colors are 4:4:4 green, red and blue (the identity matrix), gray film is monochrome.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restorers.detail.grain import GrainModel
from restorers.detail.granularity import autocorrelation

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]

LAG = 3
TEMPLATE = (73, 82)
BLOCK = 32
EDGE = 9  # first row and column that blocks are cut from
POINTS = 14
CODES = 1023 / 2.046  # a density
LARGEST = 511
SHIFTS = (6, 7, 8, 9)  # bits of a coefficient
RIDGES = (1e-4, 1e-3, 1e-2, 0.05)
GRAY = 0.95  # correlation of the colors
SCALING = 10  # bits of a scale
SPREAD = 32.0  # of the random numbers; small enough for coarse grain not to be clipped


@dataclass(frozen=True, eq=False)
class FilmGrain:
    """Its parameters.

    Attributes:
        coefficients: for green, red and blue, or for gray alone, of the 24 pixels before each, and of green.
        points: codes of 10 bits, `(P,)`.
        scales: of each plane at each, in 1 / 1024 of the template.
    """

    coefficients: tuple[Floats, ...]
    points: Floats
    scales: NDArray[np.int64]

    @classmethod
    def fitted(cls, model: GrainModel) -> "FilmGrain":
        """To what was measured: the autocorrelation by Yule and Walker, the level curve at its points.

        Of several regularizations and precisions the one whose template comes nearest is taken; gray grain is carried
        by luma alone.
        """
        target = np.asarray(model.autocorrelation, np.float64)
        gray = float(model.correlation.min()) > GRAY
        own = [_solved(target, None, ridge) for ridge in RIDGES]
        first = min((_rounded(c) for c in own), key=lambda c: _missed(c, target))
        planes = [first]
        if not gray:
            for color in (0, 2):
                like = float(model.correlation[1, color])
                found = [_rounded(_solved(target, like, ridge)) for ridge in RIDGES]
                planes.append(min(found, key=lambda c: _missed(c, target, first)))
        templates = _templates(planes)
        levels = np.linspace(model.levels[0], model.levels[-1], POINTS)
        order = (1,) if gray else (1, 0, 2)
        scales = []
        for color, template in zip(order, templates, strict=True):
            strength = np.interp(levels, model.levels, model.sigma[color]) * CODES
            scales.append(np.clip(np.rint(strength / template.std() * 2**SCALING), 0, 255 * 2 ** (SCALING - 8)))
        return cls(tuple(planes), levels * CODES, np.stack(scales).astype(np.int64))

    def laid(self, picture: Singles, number: int) -> Singles:
        """Grain for a frame `(3, H, W)`, in density."""
        chance = np.random.default_rng((1, number))
        height, width = picture.shape[-2:]
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        places = chance.integers(0, 16, (rows, columns, 2)) * 2 + EDGE
        fields = [_blocks(template, places)[:height, :width] for template in _templates(self.coefficients)]
        order = (1, 1, 1) if len(fields) == 1 else (1, 0, 2)
        noise = np.empty_like(picture)
        for color, place in enumerate((0, 0, 0) if len(fields) == 1 else np.argsort(order)):
            level = picture[1 if len(fields) == 1 else color] * CODES
            strength = np.interp(level, self.points, self.scales[place])
            noise[color] = np.rint(strength * fields[place] / 2**SCALING) / CODES
        return noise


def _before() -> NDArray[np.int64]:
    places = [(y, x) for y in range(-LAG, 1) for x in range(-LAG, LAG + 1) if y < 0 or x < 0]
    return np.array(places)


def _solved(table: Floats, like: float | None, ridge: float) -> Floats:
    """Coefficients of the pixels before, and of the first plane at the same pixel where it is like that."""
    middle, before = table.shape[0] // 2, _before()
    apart = before[:, None] - before[None]
    normal = table[middle + apart[..., 0], middle + apart[..., 1]]
    right = table[middle + before[:, 0], middle + before[:, 1]]
    if like is not None:
        normal = np.block([[normal, like * right[:, None]], [like * right[None], np.ones((1, 1))]])
        right = np.append(right, like)
    return np.asarray(np.linalg.solve(normal + ridge * np.eye(len(normal)), right))


def _rounded(coefficients: Floats) -> Floats:
    """Coefficients as they are written, in 8 bits at the finest of four precisions that holds them."""
    largest = float(np.abs(coefficients).max())
    shift = max((s for s in SHIFTS if largest * 2**s <= 127), default=SHIFTS[0])
    return np.asarray(np.clip(np.rint(coefficients * 2**shift), -128, 127) / 2**shift)


def _missed(coefficients: Floats, target: Floats, first: Floats | None = None) -> float:
    planes = [coefficients] if first is None else [first, coefficients]
    lags = [autocorrelation(_tile(_templates(planes, seed)[-1])) for seed in range(3)]
    return float(np.sqrt(np.mean((np.mean(lags, 0) - target) ** 2)))


def _tile(template: Floats) -> Singles:
    cut = template[EDGE:, EDGE:]
    return np.asarray(cut - cut.mean(), np.float32)[None]


def _templates(planes: Sequence[Floats], seed: int = 0) -> list[Floats]:
    """Autoregressive fields, of which the second and third lean on the first."""
    chance = np.random.default_rng(seed)
    found: list[Floats] = []
    for coefficients in planes:
        field = np.rint(chance.standard_normal(TEMPLATE) * SPREAD)
        weights = np.zeros((LAG + 1, 2 * LAG + 1))
        before = _before()
        weights[before[:, 0] + LAG, before[:, 1] + LAG] = coefficients[: len(before)]
        if len(coefficients) > len(before):
            inner = np.s_[LAG:, LAG : TEMPLATE[1] - LAG]
            field[inner] += coefficients[-1] * found[0][inner]
        for y in range(LAG, TEMPLATE[0]):
            for x in range(LAG, TEMPLATE[1] - LAG):
                around = field[y - LAG : y + 1, x - LAG : x + LAG + 1]
                field[y, x] = np.clip(field[y, x] + np.rint((weights * around).sum()), -LARGEST - 1, LARGEST)
        found.append(field)
    return found


def _blocks(template: Floats, places: NDArray[np.int64]) -> Floats:
    """A plane of blocks, each blended over its first two rows and columns with those beside it."""
    rows, columns = places.shape[:2]
    wide = np.zeros((rows, BLOCK, columns * BLOCK))
    below = np.zeros((rows, 2, columns * BLOCK))
    for i in range(rows):
        strip = np.zeros((BLOCK + 2, columns * BLOCK + 2))
        for j in range(columns):
            y, x = places[i, j]
            cut = template[y : y + BLOCK + 2, x : x + BLOCK + 2]
            left = j * BLOCK
            if j:
                for k, (old, new) in enumerate(((27, 17), (17, 27))):
                    strip[:, left + k] = np.rint((old * strip[:, left + k] + new * cut[:, k]) / 32)
                strip[:, left + 2 : left + BLOCK + 2] = cut[:, 2:]
            else:
                strip[:, : BLOCK + 2] = cut
        wide[i], below[i] = strip[:BLOCK, :-2], strip[BLOCK:, :-2]
    for i in range(1, rows):
        for k, (old, new) in enumerate(((27, 17), (17, 27))):
            wide[i, k] = np.rint((old * below[i - 1, k] + new * wide[i, k]) / 32)
    return np.clip(wide.reshape(rows * BLOCK, -1), -LARGEST - 1, LARGEST)
