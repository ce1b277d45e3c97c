"""Undo the fading of color film, in the amounts of its dyes; and the yellowing of black-and-white.

A scanner's red, green and blue each see all three dyes, so no gain of a channel undoes what one of them lost. By a
model of the film's spectra the amounts of dye are found that are left, the fade that explains places of which it is
known what they looked like, and the amounts there were; these are shown as they are projected. See `restorers.dyes`.

What is known comes from a person: clear leader, grays, a chart, places of a copy that has not faded, the stock. Where
nothing is known a small network guesses by the reel's pictures. It says how likely its guess brings the colors closer
to what they were; where that is doubtful the reel is left as found. So it is where places look as sound film would
show them, and where the picture is monochrome but nobody said it is silver: tinting and toning are the color a
black-and-white print was given.

Gschwind, Frey, *Electronic Imaging, a Tool for the Reconstruction of Faded Color Photographs*, JIST 38(6), 1994.
Chatterjee, Trumpy, Ruedel, *Digital Unfading of Chromogenic Film Informed by Its Spectral Densities*, Heritage 6(4),
2023. doi:10.3390/heritage6040181
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Len
from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from restorers.dyes import stocks
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.fit import Fit, fitted
from restorers.dyes.scanner import GENERIC_LAMPS
from restorers.dyes.stocks import Floats
from restorers.networks.unfader import Unfader
from restorers.networks.weights import opened
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, RestorationError, Restorer, Scope
from restorers.unfading import blind, severity, silver
from restorers.unfading.baking import Colors, Undoing
from restorers.unfading.look import Look
from restorers.unfading.optics import Reading
from restorers.unfading.picking import picked
from restorers.unfading.references import Bands, Lamps, Patch, Reference, Shown
from restorers.unfading.references import scanner as seen_by
from restorers.unfading.soundness import sound
from restorers.unfading.unfaded import Station, Unfading

LEAST_SHARE = 0.04
"""A dye with less left is in the noise of any scan: references that say so are not what they are said to be."""
UNEXPLAINED = 0.15
"""Density by which the likeliest fade may still not explain a reference."""
OTHERS = 16  # fades that may be, too, by which it is told how sure the colors are
STEP = 0.4  # of the severity, from lattice to lattice at most


class DecayCorrection(Restorer):
    """Bring every dye back to the amount it was developed to."""

    kind: Literal["decay"] = "decay"
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the print as found")
    image: Literal["dyes", "silver"] = Field(
        "dyes",
        description="what the picture is made of. silver: black-and-white, neither tinted nor toned, whose yellowing "
        "and browning are to be undone",
    )
    stock: str = Field(
        "generic",
        description="film stock whose dyes the film has, e.g. kodak-5384; generic, or generic-negative, if not known",
    )
    scanner: Annotated[Lamps, Len(3, 3)] | Bands = Field(
        GENERIC_LAMPS,
        description="what the scanner's red, green and blue see: where each peaks and how wide it is at half its "
        "height, nm, as lamps that light up in turn do; or a curve of each, which a white light and a sensor want",
    )
    references: tuple[Reference, ...] = Field((), description="places of which it is known what they looked like")
    even: tuple[Patch, ...] = Field(
        (), description="places that were of one color all over: show how fading differs over the frame"
    )
    drift: bool = Field(
        False, description="fading may differ along the reel, in a straight line between frames that have references"
    )
    colors: Colors | None = Field(
        None,
        description="projected: as the film looks in a projector. scanned: as the scanner would have shown it unfaded. "
        "Scanned of negatives, projected of all else, if not given",
    )
    confidence: float = Field(
        0.9,
        ge=0,
        le=1,
        description="where nothing is known: how likely a guess must bring colors closer to what they were to be made",
    )
    unknown: float = Field(
        10.0, gt=0, description="dE by which a color may be wrong before its pixels are marked as not known"
    )
    samples: int = Field(16, ge=4, le=256, description="frames looked at for the range and noise of a reel")
    nodes: Literal[33, 65] = Field(65, description="nodes on a side of the lattice; 33 for previews")

    scope: ClassVar[Scope] = Scope.REEL
    remedy: ClassVar[type[Remedy]] = Unfading
    revision: ClassVar[int] = 2

    @field_validator("stock")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            stocks.stock(name)
        except KeyError as error:
            raise ValueError(error.args[0]) from error
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.even and not self.references:
            raise ValueError("'even' tells how fading differs over the frame, not how far it goes: give 'references'")
        if self.drift and len({reference.frame for reference in self.references}) < 2:
            raise ValueError("'drift' wants references on two frames at least")
        if self.image == "silver" and (self.even or self.drift or any(r.was == "color" for r in self.references)):
            raise ValueError("silver has no colors, and neither 'even' nor 'drift': give clear and gray references")
        return self

    @property
    @override
    def networks(self) -> tuple[str, ...]:
        return () if self.references or self.image == "silver" or self.strength == 0 else ("unfader",)

    @override
    def examine(self, footage: Footage, bench: Bench) -> Unfading:
        """One remedy for the reel; `footage` in density.

        Raises:
            RestorationError: a reference is not on the footage, or the references contradict one another.
            MissingWeights: nothing is known, and the network that guesses is not there.
        """
        if self.strength == 0:
            return self._left("strength 0")
        look = self._looked(footage)
        if self.image == "silver":
            return self._of_silver(footage, look)
        if not self.references and look.monochrome:
            return self._left("the picture is monochrome; if it is silver, and neither tinted nor toned, say so", look)
        return self._by_references(footage, look) if self.references else self._by_pictures(footage, look, bench)

    def _looked(self, footage: Footage) -> Look:
        try:
            reading = Reading.of(footage.source.space, negative=stocks.stock(self.stock).kind == "negative")
        except ValueError as error:
            raise RestorationError(f"decay: {error}") from error
        return Look.at(footage, self.samples, reading)

    def _by_references(self, footage: Footage, look: Look) -> Unfading:
        places = [reference.place(footage, look.reading, drift=self.drift) for reference in self.references]
        scanner = seen_by(self.scanner)
        stock = stocks.stock(self.stock)
        unfaded = sound(stock, scanner, places)
        if unfaded is not None:
            shown = tuple(Shown.of(r, p) for r, p in zip(self.references, places, strict=True))
            return self._left(f"the references look as sound {unfaded} would show them", look, shown)
        film = Film.above_base(stock, scanner)
        fit = fitted(film, places)
        self._checked(fit)
        shown = tuple(Shown.of(*each) for each in zip(self.references, places, fit.left.tolist(), strict=True))
        names = ", ".join(dict.fromkeys(reference.was for reference in self.references))
        told = Told(
            fit.fade,
            fit.drawn(OTHERS, seed=0),
            {"share_spread": _triple(fit.spread[:3]), "stain_spread": float(fit.spread[4]), "references": shown},
            found=f"from {len(places)} references ({names})",
            stations=tuple(Station(frame=n, severity=s) for n, s in fit.severities.items()) if self.drift else (),
            uneven=self._unevenness(film, fit, footage, look.reading),
        )
        return self._baked(film, look, told)

    def _checked(self, fit: Fit) -> None:
        least = min(fit.fade.share)
        worst = int(np.argmax(fit.left))
        if least < LEAST_SHARE:
            raise RestorationError(
                f"the decay references leave a dye {least:.2f} of its density, expected at least {LEAST_SHARE}: "
                "point at places that were as they are said to have been"
            )
        if fit.left[worst] > UNEXPLAINED:
            reference = self.references[worst]
            raise RestorationError(
                f"the decay references contradict one another: no fade explains all of them, the one on "
                f"{reference.words}, which was {reference.was}, by {fit.left[worst]:.2f} D least; look at it again; "
                "or, if the reel has faded more in one place than in another, set 'drift'"
            )

    def _unevenness(self, film: Film, fit: Fit, footage: Footage, reading: Reading) -> tuple[float, ...]:
        if not self.even:
            return ()
        patches = [(patch.seen(footage, reading), (patch.y, patch.x)) for patch in self.even]
        return severity.over(film, fit.fade, patches, footage.size)

    def _by_pictures(self, footage: Footage, look: Look, bench: Bench) -> Unfading:
        if look.reading is Reading.NEGATIVE:
            return self._left("nothing is guessed of negatives: give references", look)
        pointed = picked(footage, look.reading)
        if look.scenes < blind.FEWEST:
            found = f"{look.scenes} scenes that differ, of {len(look.fine)} frames looked at, are too few"
            return self._left(f"{found} to tell fading from color: give references", look, pointed)
        film = Film.above_base(stocks.generic(), seen_by(self.scanner))
        network = opened("unfader", Unfader, bench)
        guess = blind.guessed(network, film, look.reading.film(look.fine))
        if guess.better < self.confidence or guess.gain <= 0:
            found = (
                f"the evidence is weak: what the pictures suggest (cyan magenta yellow left "
                f"{' '.join(f'{s:.2f}' for s in guess.fade.share)}) would bring colors closer with a likelihood of "
                f"{guess.better:.2f}, below {self.confidence:.2f}"
            )
            return self._left(found, look, pointed).model_copy(update={"confidence": guess.better})
        told = Told(
            guess.fade,
            guess.drawn,
            {"share_spread": _triple(guess.spread[:3]), "stain_spread": float(guess.spread[3]), "stock": "generic"}
            | {"references": pointed},
            found=f"guessed from {len(look.fine)} frames, without references",
            confidence=guess.better,
        )
        return self._baked(film, look, told)

    def _of_silver(self, footage: Footage, look: Look) -> Unfading:
        places = [reference.place(footage, look.reading) for reference in self.references]
        clear = next((p.densities for p, r in zip(places, self.references, strict=True) if r.was == "clear"), None)
        gray = next(((p.densities, p.level) for p in places if p.level), None)
        found = silver.tarnished(look.reading.film(look.coarse), clear, gray)
        if found.strays > silver.STRAYING:
            raise RestorationError(
                f"decay: the picture is said to be silver, but its channels stray by {found.strays:.2f} D from lines, "
                f"expected at most {silver.STRAYING}: it has colors, or is unevenly stained"
            )
        low, high = look.ends
        lattice = found.baked(look.reading, self.strength, size=self.nodes, low=low, high=high)
        told = "with clear film" if clear is not None else "without clear film: red is taken to have no stain"
        return Unfading.model_validate(
            self._said(look)
            | {"silver_stain": found.stain, "silver_rise": found.rise, "silver_contrast": found.contrast}
            | {"references": tuple(Shown.of(r, p) for r, p in zip(self.references, places, strict=True))}
            | {"found": f"from {len(look.fine)} frames, {told}" + ("" if gray else "; its contrast is left as found")}
            | {"severities": (1.0,), "low": low, "high": high, "lattices": lattice.values[None]}
        )

    def _baked(self, film: Film, look: Look, told: "Told") -> Unfading:
        low, high = look.ends
        undoing = Undoing(film, look.reading, self._colors(film), self.strength, look.noise)
        severities = _severities(told.stations, told.uneven)
        lattices = [
            undoing.baked(
                told.fade.times(each), [o.times(each) for o in told.others], size=self.nodes, low=low, high=high
            ).values
            for each in severities
        ]
        said = {name: getattr(told, name) for name in ("found", "stations", "uneven", "confidence")}
        return Unfading.model_validate(
            self._said(look)
            | dataclasses.asdict(told.fade)
            | said
            | told.numbers
            | {"colors": undoing.colors, "severities": severities, "low": low, "high": high}
            | {"lattices": np.stack(lattices)}
        )

    def _said(self, look: Look) -> dict[str, object]:
        said = {name: getattr(self, name) for name in ("image", "stock", "scanner", "strength", "unknown")}
        return {**said, "reading": look.reading, "noise": look.noise}

    def _colors(self, film: Film) -> Colors:
        return self.colors or ("scanned" if film.stock.kind == "negative" else "projected")

    def _left(self, why: str, look: Look | None = None, references: tuple[Shown, ...] = ()) -> Unfading:
        said = self._said(look) if look else {"image": self.image, "strength": self.strength}
        return Unfading.model_validate(said | {"found": why, "references": references})


@dataclass(frozen=True, eq=False)
class Told:
    """What has been told of a fade.

    Attributes:
        fade: the likeliest one.
        others: those that may be, too.
        numbers: what more the remedy says of it.
        found: how it was told.
        stations: severity along the reel.
        uneven: and over the frame.
        confidence: how likely undoing it does good.
    """

    fade: Fade
    others: Sequence[Fade]
    numbers: dict[str, object]
    found: str
    stations: tuple[Station, ...] = ()
    uneven: tuple[float, ...] = ()
    confidence: float = 1.0


def _severities(stations: Sequence[Station], uneven: Sequence[float]) -> tuple[float, ...]:
    """For which severities lattices are baked: for all there are, no farther apart than `STEP`."""
    along = [station.severity for station in stations] or [1.0]
    over = severity.field(uneven, (64, 64)) if uneven else np.ones((1, 1))
    low, high = min(along) * float(over.min()), max(along) * float(over.max())
    if high - low < 1e-6:
        return (1.0,) if not stations and not uneven else (low, high + 1e-3)
    return tuple(np.linspace(low, high, 2 + int((high - low) / STEP)).tolist())


def _triple(values: Floats) -> tuple[float, float, float]:
    cyan, magenta, yellow = (float(v) for v in values)
    return cyan, magenta, yellow
