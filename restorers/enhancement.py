"""Enlarge the picture, free it of noise, blur and coding as far as its own pixels let it be known, and keep its grain.

What ails a shot is measured first; a network that is told of it draws the picture, its grain averaged away along the
motion beforehand. Grain is then kept, laid anew as strong, left away or laid as another stock has it. Kept grain is all
that the scan shows beyond what was drawn: made smaller again, the enlarged frame is the scan.

Noise that is not film's goes. What a network drew is marked so; one that was trained to draw likely texture, or that
nobody here has trained, marks its pixels as generated. With the profile `linear` no network works, and grain is
enlarged with the picture.

A shot that nothing ails, at its own size, is left as found.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from restorers.detail.grain import GrainModel
from restorers.detail.stocks import STOCKS, stock_grain
from restorers.enhancing.diagnosis import FOREIGN, Diagnosis, diagnosed
from restorers.enhancing.enlargement import NETWORKS, Enlargement, Profile
from restorers.networks.engine import Precision
from restorers.networks.foreign import Brought
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, Restorer

PRECISIONS: dict[str, Precision] = {"fidelity": "fp32", "perceptual": "fp32", "draft": "int8"}
STOCK = "stock:"


class Enhancement(Restorer):
    """Enlarge by 1, 2 or 4; free of noise, blur and coding; keep grain, lay it anew, or do without."""

    kind: Literal["enhancement"] = "enhancement"
    profile: Profile = Field(
        "fidelity",
        description="who draws: a network trained by pixels alone, which invents no texture (fidelity); one that draws "
        "likely texture, all of whose pixels are marked as generated (perceptual); a small and fast one, frame by "
        "frame (draft); a linear filter (linear)",
    )
    scale: Literal[1, 2, 4] = Field(1, description="how many times larger the frames become")
    grain: str = Field(
        "keep",
        pattern=f"^(keep|match|none|{STOCK}.+)$",
        description="the film's own grain (keep); fresh grain just like it, at the new size (match); none; or grain as "
        f"a stock has it, by its name: {STOCK}kodak-tri-x-400",
    )
    amount: float = Field(1.0, ge=0, le=1.5, description="how much grain is laid by match or as a stock has it")
    nature: Literal["film", "other", "none"] | None = Field(
        None,
        description="what the random part of the picture is: grain of film; noise, which goes; none, all is picture. "
        f"Measured when not said, and held for film where that is likely with {FOREIGN} and more",
    )
    blur: Annotated[float, Field(ge=0, le=1.6)] | Literal["measured"] = Field(
        0.0,
        description="radius of the blur to be undone, pixels; 0 leaves the picture as soft as it is. Or measured, by "
        "its sharpest edges, less half a pixel, as nobody knows how sharp the world was",
    )
    coding: float | None = Field(
        None,
        ge=0,
        le=0.1,
        description="how much lossy coding changed that is to be undone, root mean square of brightness: 0.01 is "
        "fine, 0.04 coarse; told by a network from the traces it left when not said",
    )
    invention: float | None = Field(
        None,
        gt=0,
        le=1,
        description="how far perceptual goes from what fidelity draws to all the texture that is likely: 1 when not "
        "said, all the way",
    )
    frame_mm: float | None = Field(
        None, gt=0, description="how much of the film's width a frame shows, mm; a stock's grain is sized by it"
    )
    precision: Precision | None = Field(
        None, description="what the network computes in: fp32 when not said, int8 in draft; bf16 is near to fp32"
    )
    network: Brought | None = Field(
        None, description="a network that you bring, instead of ours; its pixels are marked as generated"
    )

    revision: ClassVar[int] = 11
    dense: ClassVar[bool] = True
    remedy: ClassVar[type[Remedy]] = Enlargement

    @field_validator("grain")
    @classmethod
    def _known(cls, grain: str) -> str:
        if grain.startswith(STOCK) and grain.removeprefix(STOCK) not in STOCKS:
            raise ValueError(
                f"no granularity is known of {grain!r}; known are {', '.join(f'{STOCK}{n}' for n in STOCKS)}"
            )
        return grain

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.grain.startswith(STOCK) and self.frame_mm is None:
            raise ValueError(
                "how large a stock's grain is depends on the film: say frame_mm, e.g. 21.95 for 35 mm sound"
            )
        if self.profile == "linear" and (self.precision or self.network):
            raise ValueError("no network works in the profile linear: leave precision and network away")
        if self.invention is not None and (self.profile != "perceptual" or self.network):
            raise ValueError("nothing is invented but by our network of the profile perceptual: leave invention away")
        if self.network and self.precision not in (None, "fp32"):
            raise ValueError("a network that you bring computes in fp32: leave precision away")
        return self

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks of the profile, and the one that tells them what ails a shot."""
        if self.network or self.profile not in NETWORKS:
            return ()
        return ("assessor", *(NETWORKS["fidelity"],) * (self.profile == "perceptual"), NETWORKS[self.profile])

    def examine(self, footage: Footage, bench: Bench) -> Enlargement:
        """What ails a shot, and the settings.

        Raises:
            MissingWeights: the network's weights are not there, or not the ones named.
            MissingBackend: nothing here runs the network in this precision.
            RestorationError: a network that was brought draws at another scale.
        """
        found = diagnosed(footage, bench, blurred=self.blur == "measured", assessed=bool(self.networks))
        undone = None if self.blur == "measured" else self.blur
        said = {"blur": undone, "coding": self.coding, "visible": 0.0 if self.nature == "none" else None}
        found = found.model_copy(update={name: value for name, value in said.items() if value is not None})
        film = self.nature == "film" if self.nature else found.film is None or found.film >= FOREIGN
        precision = None if self.profile == "linear" else self.precision or PRECISIONS[self.profile]
        remedy = Enlargement(
            found=found,
            factor=self.scale,
            grain=self.grain,
            film=film,
            laid=self._laid(found, footage.size[1], film=film),
            amount=self.amount,
            profile=self.profile,
            invention=1.0 if self.invention is None else self.invention,
            precision=precision,
            brought=self.network,
            device=bench.device.type,
            ran="",
        )
        drawing = remedy.drawing(bench)
        return remedy.model_copy(update={"ran": drawing.ran}) if drawing else remedy

    def _laid(self, found: Diagnosis, width: int, *, film: bool) -> GrainModel | None:
        if self.grain == "match":
            return found.grain if film and found.noisy else None
        if self.grain.startswith(STOCK):
            assert self.frame_mm is not None  # see _fits
            return stock_grain(self.grain.removeprefix(STOCK), 1000 * self.frame_mm / width / self.scale)
        return None
