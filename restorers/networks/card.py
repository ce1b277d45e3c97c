"""The card that lies beside a network's weights: what they are, what made them, what they score."""

import hashlib

from pydantic import BaseModel, ConfigDict, Field


class Data(BaseModel):
    """Pictures or clips that a network was trained with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    licence: str
    used: str = Field(description="what of it was used, and how much")


class Recipe(BaseModel):
    """How a network was, or is to be, trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1, description="batches it sees")
    rate: float = Field(1e-3, gt=0, description="learning rate at its highest")
    warming: int = Field(100, ge=0, description="steps in which the learning rate rises from zero")
    falling: float = Field(0.4, ge=0, le=1, description="share of the steps in which it falls to zero along a cosine")
    rounds: tuple[int, ...] = Field((), description="steps at which it rises anew, to fall again")
    orthogonal: bool = Field(False, description="whether the tables of the network's body step by Muon, not by AdamW")
    decay: float = Field(1e-4, ge=0, description="weight decay of AdamW")
    clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    held: float = Field(
        0.0, ge=0, lt=1, description="share of the weights that it began with, in those kept in the end"
    )
    average: float = Field(0.998, ge=0, lt=1, description="memory of the moving average that the weights kept are of")
    seed: int = 0


class Card(BaseModel):
    """What a network's weights are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    purpose: str = Field(description="what it does, in one sentence")
    not_for: str = Field(description="what it must not be used for")
    architecture: str = Field(description="class of `restorers.networks` that the weights belong to")
    settings: dict[str, int] = Field(description="what the architecture is made with")
    parameters: int = Field(ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the file of the weights")
    data: tuple[Data, ...] = Field(min_length=1)
    recipe: Recipe
    begun_with: str = Field("", description="sha256 of the weights that it began with, if it did not begin by chance")
    cpu_s: float = Field(ge=0, description="CPU seconds of the training, data and earlier rounds with it")
    gpu_s: float = Field(0.0, ge=0, description="seconds a GPU was held for it, in earlier rounds, too")
    scores: dict[str, float] = Field(description="on what was kept back for validation; names carry the unit")
    commit: str = Field(description="of the code that trained it")


def digest(weights: bytes) -> str:
    """Sha256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(weights).hexdigest()
