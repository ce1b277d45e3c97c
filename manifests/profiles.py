"""Reels whose restoration is bound not to go far from the scan: what a profile forbids cannot be written down.

What is delivered is checked pixel by pixel besides (see `restorers.profile`); the types are there so that a person is
told before any work, with the line of the manifest.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from manifests.reel import DisplayDelivery, Ffv1Delivery, Reel
from restorers.decay import DecayCorrection
from restorers.deflicker import Deflicker
from restorers.enhancement import Enhancement
from restorers.profile import Profile
from restorers.repair import Repair
from restorers.stabilization import Stabilization


class FaithfulStabilization(Stabilization):
    """Stabilization whose frames show nothing but what they showed before."""

    borders: Literal["crop"] = Field(
        "crop",
        description="each shot is enlarged just enough that no border is seen: filled or repeated borders are not the "
        "frame's own",
    )


class FaithfulRepair(Repair):
    """Repair with pixels of other frames alone."""

    fill: Literal["nothing"] = Field(
        "nothing", description="blemishes that no neighbor knows about are left as found and listed"
    )


class FaithfulEnhancement(Enhancement):
    """Enlargement that keeps the film's own grain: made smaller again, it is the scan."""

    profile: Literal["fidelity", "draft", "linear"] = Field(
        "fidelity",
        description="who draws: a network trained by pixels alone (fidelity); a small and fast one, frame by frame "
        "(draft); a linear filter (linear)",
    )
    grain: Literal["keep"] = Field("keep", description="grain is kept as found")
    nature: Literal["film"] = Field("film", description="all that the scan shows is kept, whatever it is")
    network: None = Field(None, description="none but ours, which are trained by pixels alone")
    invention: None = Field(None, description="nothing is invented")


FaithfulTreatment = Annotated[
    DecayCorrection | FaithfulStabilization | Deflicker | FaithfulRepair | FaithfulEnhancement,
    Field(discriminator="kind"),
]
"""What a reel of the profile fidelity may prescribe."""


class FidelityReel(Reel):
    """A reel whose pixels are its own, moved or toned, or those of its other frames."""

    profile: Literal[Profile.FIDELITY] = Profile.FIDELITY
    treatments: tuple[FaithfulTreatment, ...] = Field((), description="in the order of work")


class Codes(Ffv1Delivery):
    """The scan's own codes, at their own depth."""

    bit_depth: None = Field(None, description="the scan's own")


class ForensicReel(Reel):
    """A reel delivered as it was scanned, code for code; copies for a display are graded."""

    profile: Literal[Profile.FORENSIC] = Profile.FORENSIC
    treatments: tuple[()] = Field((), description="none: they would change codes")
    delivery: tuple[Annotated[Codes | DisplayDelivery, Field(discriminator="kind")], ...] = Field(
        (Codes(),), min_length=1
    )

    @field_validator("treatments", mode="before")
    @classmethod
    def _none(cls, treatments: object) -> object:
        if treatments not in ([], ()):
            raise ValueError("a reel of the profile forensic is delivered as scanned: it takes no treatment")
        return ()


REELS: dict[str, type[Reel]] = {"restoration": Reel, "fidelity": FidelityReel, "forensic": ForensicReel}
"""The type of a reel by its profile."""
