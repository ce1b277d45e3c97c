"""Places on a film of which a person knows what they looked like."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, model_validator

from restorers.dyes import projection
from restorers.dyes.fit import Place
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import WAVELENGTHS, Floats
from restorers.render import Footage
from restorers.restorer import RestorationError
from restorers.unfading.optics import Reading

Lamps = tuple[tuple[float, float], ...]
"""Bands of a scanner: where each peaks and how wide it is at half its height, nm."""


Curve = Annotated[tuple[NonNegativeFloat, ...], Field(min_length=8)]


class Bands(BaseModel):
    """What a scanner's red, green and blue see at each wavelength: its light times its sensor, in any unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_nm: float = Field(ge=300, le=450, description="wavelength of the first number")
    step_nm: float = Field(gt=0, le=20, description="from one number to the next")
    red: Curve = Field(description="what the red band sees")
    green: Curve = Field(description="what the green band sees")
    blue: Curve = Field(description="what the blue band sees")

    @model_validator(mode="after")
    def _alike(self) -> Self:
        if not len(self.red) == len(self.green) == len(self.blue):
            raise ValueError(f"red, green and blue have {len(self.red)}, {len(self.green)}, {len(self.blue)} numbers")
        if min(max(self.red), max(self.green), max(self.blue)) == 0:
            raise ValueError("a band sees nothing at all")
        return self

    def scanner(self) -> Scanner:
        """The scanner with these bands."""
        at = self.first_nm + self.step_nm * np.arange(len(self.red))
        curves = np.stack([np.interp(WAVELENGTHS, at, each, 0, 0) for each in (self.red, self.green, self.blue)])
        return Scanner.of("the scanner", np.ones(len(WAVELENGTHS)), curves)


def scanner(bands: Lamps | Bands) -> Scanner:
    """The scanner with bands given one way or the other."""
    return bands.scanner() if isinstance(bands, Bands) else Scanner.narrow("the scanner", *bands)


class Patch(BaseModel):
    """A rectangle on one frame, in pixels of the frame as this treatment sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(ge=0, description="reel number of the frame")
    x: int = Field(ge=0, description="left edge, pixels from the left")
    y: int = Field(ge=0, description="upper edge, pixels from the top")
    width: int = Field(ge=1, description="pixels")
    height: int = Field(ge=1, description="pixels")

    @property
    def words(self) -> str:
        """Where it is."""
        box = f"x {self.x}-{self.x + self.width - 1}, y {self.y}-{self.y + self.height - 1}"
        return f"frame {self.frame}, {box}"

    def seen(self, footage: Footage, reading: Reading) -> Floats:
        """The film's own density of each of its pixels, `(height, width, 3)`.

        Raises:
            RestorationError: it is not on the footage.
        """
        try:
            frame = footage.clip(self.frame, self.frame + 1).frames[0]
        except IndexError as error:
            frames = f"{footage.first}-{footage.stop - 1}"
            raise RestorationError(
                f"decay: there is no frame {self.frame} to look for a reference on, expected one of {frames}"
            ) from error
        height, width = frame.shape[-2:]
        if self.x + self.width > width or self.y + self.height > height:
            raise RestorationError(
                f"decay: the reference ({self.words}) is not inside its frame, which is {width} x {height}"
            )
        inside = frame[:, self.y : self.y + self.height, self.x : self.x + self.width]
        return reading.film(inside.permute(1, 2, 0).cpu().numpy().astype(np.float64))


class Reference(Patch):
    """A rectangle of one color, and what it looked like when the film was new."""

    was: Literal["clear", "gray", "color"] = Field(
        description="clear: film that shows its base alone, as leader does. gray: neutral, of any density, black "
        "included. color: what `lab` says"
    )
    density: float | None = Field(
        None, gt=0, le=4, description="visual density a gray had over clear film, if known, e.g. 1.0 of a LAD patch"
    )
    lab: tuple[float, float, float] | None = Field(
        None,
        description="CIE L*a*b* of a color as projected, clear film its white: of a chart, or of the same place on a "
        "copy that has not faded",
    )
    lamps: Lamps = Field(
        (), description="peak and width (nm) of each band of another instrument that `read` comes from; more than three"
    )
    read: tuple[float, ...] = Field((), description="density over clear film that it reads there, for each band")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lab is not None) != (self.was == "color"):
            raise ValueError("'lab' belongs to a reference that was: color, and to no other")
        if self.density is not None and self.was != "gray":
            raise ValueError("'density' belongs to a reference that was: gray, and to no other")
        if len(self.lamps) != len(self.read) or 0 < len(self.read) < 3:
            raise ValueError(f"'read' has {len(self.read)} densities and 'lamps' {len(self.lamps)}: as many, 3 or more")
        return self

    def place(self, footage: Footage, reading: Reading, *, drift: bool = False) -> Place:
        """What is seen of it and what it was; in a stretch of its own frame, if fading drifts along the reel.

        Raises:
            RestorationError: it is not on the footage.
        """
        seen = np.median(self.seen(footage, reading).reshape(-1, 3), axis=0)
        scanner = Scanner.narrow("instrument", *self.lamps) if self.lamps else None
        return Place(
            np.array(self.read) if self.read else seen,
            level=0.0 if self.was == "clear" else self.density,
            color=None if self.lab is None else np.maximum(projection.of_lab(np.array(self.lab)), 1e-4),
            scanner=scanner,
            stretch=self.frame if drift else 0,
        )


class Shown(BaseModel):
    """A reference as it was found, for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int
    x: int
    y: int
    width: int
    height: int
    was: str = Field(description="what it was, in words")
    found: tuple[float, ...] = Field(description="the film's density there, in the bands of what read it")
    read: bool = Field(False, description="whether another instrument read it, not the scanner")
    left: float | None = Field(
        None,
        description="density by which the fade does not explain it, root of the mean over the bands; none if not used",
    )

    @classmethod
    def of(cls, reference: Reference, place: Place, left: float | None = None) -> Self:
        """A reference and what became of it in the fit."""
        level = "" if reference.density is None else f" of {reference.density:.2f} D"
        color = "" if reference.lab is None else " L*a*b* " + " ".join(f"{v:.0f}" for v in reference.lab)
        return cls(
            **reference.model_dump(include=set(Patch.model_fields)),
            was=reference.was + level + color,
            found=tuple(round(float(v), 4) for v in place.densities),
            read=bool(reference.read),
            left=None if left is None else round(left, 4),
        )
