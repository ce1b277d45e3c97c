"""A decay layer in the report: what is left of each dye, the places that told it, and a frame with how sure it is."""

from collections.abc import Mapping, Sequence
from typing import Literal, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.restorer import Bench
from restorers.unfading.references import Shown
from restorers.unfading.unfaded import Unfading
from tasks.pictures import Codes, codes
from tasks.report.layers import Bar, Bars, LayerSheet, Picture, Swatch, Undone
from tasks.report.painting import COLORS

Singles: TypeAlias = NDArray[np.float32]
Side: TypeAlias = Literal["found", "undone", "unsure"]

DYES, CHANNELS = ("cyan", "magenta", "yellow"), ("red", "green", "blue")
LEAST_DENSITY = 0.2
CELLS = 48  # of a frame, each way: which of them a reference is in decides how severely it has faded
HEAT = np.array(((20, 32, 48), (38, 92, 110), (142, 150, 96), (247, 205, 106)), np.float64)
"""Red, green and blue from sure to as unsure as may be, at even distances."""
HATCH, GAP, STRIPE = np.array(COLORS[Origin.UNCERTAIN], np.float64), np.array((40.0, 8.0, 36.0)), 4  # px


class Sureness(BaseModel):
    """How sure the colors of one frame are, at rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(description="reel number")
    size: tuple[int, int] = Field(description="height and width of the frame as the layer sees it, pixels")
    typical: float = Field(description="dE by which half of its pixels may be wrong at most")
    unknown: float = Field(description="share of its pixels that count as not known")

    @classmethod
    def of(cls, clip: Clip, unsure: Tensor, found: Unfading) -> Self:
        """That of the first frame of a clip, of dE `(1, H, W)`."""
        return cls(
            frame=clip.first,
            size=clip.size,
            typical=round(float(unsure.median()), 2),
            unknown=float((unsure > found.unknown).float().mean()),
        )


def sides(found: Unfading) -> tuple[Side, ...]:
    """The pictures of a frame that are shown: none where the layer leaves all as found; of silver nothing is unsure."""
    if found.identity:
        return ()
    return ("found", "undone") if found.image == "silver" else ("found", "undone", "unsure")


def fading(found: Unfading, sure: Sureness | None, pictures: Mapping[Side, Picture], bench: Bench) -> LayerSheet:
    """The sheet of a decay layer.

    Args:
        found: the layer's remedy.
        sure: of the frame that is shown; None where the layer leaves all as found.
        pictures: of that frame, its `sides`.
        bench: where colors are worked out.
    """
    shown = tuple(_swatch(each, found, sure, bench) for each in found.references)
    if sure is None:
        return LayerSheet("decay", found.summary(), (), {}, swatches=shown)
    return LayerSheet(
        kind="decay",
        summary=found.summary(),
        charts=(),
        key={},
        bars=_of_silver(found) if found.image == "silver" else _of_dyes(found, sure.frame),
        swatches=shown,
        undone=Undone(
            frame=sure.frame,
            found=pictures["found"],
            undone=pictures["undone"],
            unsure=pictures.get("unsure"),
            reach=found.unknown,
            typical=sure.typical,
            unknown=sure.unknown,
        ),
    )


def heated(unsure: Singles, unknown: float, width: int) -> Codes:
    """How unsure colors are as a picture no wider than `width`, `(h, w, 3)`: the lighter the less sure.

    What is not known is hatched, and where only some pixels under one of the picture are not, hatched as faintly.

    Args:
        unsure: dE `(H, W)`.
        unknown: dE at the end of the scale; beyond it a color counts as not known.
        width: in pixels.
    """
    width = min(width, unsure.shape[1])
    size = width, max(round(unsure.shape[0] * width / unsure.shape[1]), 1)
    share = cv2.resize(np.clip(unsure / unknown, 0, 1), size, interpolation=cv2.INTER_AREA)
    hidden = cv2.resize((unsure > unknown).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    places = np.linspace(0, 1, len(HEAT))
    heat = np.stack([np.interp(share, places, HEAT[:, channel]) for channel in range(3)], -1)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    hatch = np.where(((x + y) % (2 * STRIPE) < STRIPE)[..., None], HATCH, GAP)
    return np.asarray(np.rint(heat * (1 - hidden) + hatch * hidden), np.uint8)


def _of_dyes(found: Unfading, frame: int) -> tuple[Bars, ...]:
    severity = found.severity(frame)
    where = f" in frame {frame}" if found.stations else ""
    shares = np.array(found.share) ** severity
    spreads = severity * np.array(found.share_spread)
    back = (
        ", and what it is brought back to" if found.strength == 1 else f"; {found.strength:.0%} of the loss is undone"
    )
    dyes = tuple(
        Bar(name, name, share, (share * np.exp(-s), share * np.exp(s)), _words(share, share * s))
        for name, share, s in zip(DYES, shares.tolist(), spreads.tolist(), strict=True)
    )
    stain, spread = severity * found.stain, severity * found.stain_spread
    gained = Bar("stain", "stain", stain, (max(stain - spread, 0.0), stain + spread), _words(stain, spread))
    return (
        Bars(f"What is left of each dye{where}", f"1 is what there was{back}", dyes, 1.0, whole=1.0),
        Bars(f"Stain on the base{where}", "D at 400 nm", (gained,), LEAST_DENSITY),
    )


def _of_silver(found: Unfading) -> tuple[Bars, ...]:
    def bars(values: Sequence[float]) -> tuple[Bar, ...]:
        return tuple(Bar(name, name, v, None, _words(v)) for name, v in zip(CHANNELS, values, strict=True))

    drawn = [
        Bars("Stain on the base", "D", bars(found.silver_stain), LEAST_DENSITY),
        Bars("Density of the silver", "1 is that in red, what all are brought to", bars(found.silver_rise), 1.0, 1.0),
    ]
    contrast = found.silver_contrast
    if contrast != 1:
        silver = Bar("silver", "silver", contrast, None, _words(contrast))
        drawn.append(Bars("What is left of the contrast", "1 is what there was", (silver,), 1.0, 1.0))
    return tuple(drawn)


def _words(value: float, spread: float | None = None) -> str:
    words = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
    return words if spread is None else f"{words} ± {spread:.2f}"


def _swatch(shown: Shown, found: Unfading, sure: Sureness | None, bench: Bench) -> Swatch:
    colors: tuple[str | None, str | None] = (None, None)
    if not shown.read:
        density = found.reading.clip(np.array(shown.found))
        plane = bench.tensor(density).view(1, 3, 1, 1).expand(1, 3, CELLS, CELLS)
        clip = Clip(plane.contiguous(), Space.DENSITY, shown.frame)
        place = (0, 0) if sure is None else _cell(shown, sure.size)
        made = None if sure is None else clip.toned(found.undone(clip, bench)[0])
        colors = _named(clip, place), None if made is None else _named(made, place)
    return Swatch(
        frame=shown.frame,
        box=(shown.x, shown.y, shown.width, shown.height),
        was=shown.was,
        found=colors[0],
        undone=colors[1],
        left=None if sure is None or found.image == "silver" else shown.left,
    )


def _cell(shown: Shown, size: tuple[int, int]) -> tuple[int, int]:
    """The cell of a frame that the middle of a reference is in: row, column."""
    middle = (shown.y + shown.height / 2) / size[0], (shown.x + shown.width / 2) / size[1]
    row, column = (min(int(CELLS * share), CELLS - 1) for share in middle)
    return row, column


def _named(clip: Clip, place: tuple[int, int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in codes(clip)[place].tolist())
