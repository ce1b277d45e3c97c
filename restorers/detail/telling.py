"""Weights that tell grain by its traits, as `restorers.training.character` fitted them."""

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Telling(BaseModel):
    """Weights over traits in spreads about their middle, their squares less one, and one.

    Attributes:
        middle: of each trait, `(K,)`.
        spread: of each trait, `(K,)`.
        kinds: for film, sensor, demosaic and compression, `(4, 2 K + 1)`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    middle: tuple[float, ...]
    spread: tuple[float, ...]
    kinds: tuple[tuple[float, ...], ...]


class Tellings(BaseModel):
    """Weights for shots, where what changes between frames is known, and for single frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained_on: str
    shot: Telling
    still: Telling


@cache
def tellings() -> Tellings:
    """The weights that come with the package."""
    return Tellings.model_validate_json(files("restorers.detail").joinpath("character.json").read_text("utf-8"))
