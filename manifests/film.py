"""A film: the reels it is kept on, each with a manifest of its own."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from manifests.reel import Manifest, ReelId, contained


def _manifest(name: str) -> str:
    if name.startswith("s3://") or not name.endswith((".yaml", ".yml")):
        raise ValueError(f"{name!r} is not a manifest: expected a .yaml file beside the film's or below it")
    return contained(name)


ManifestName = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_manifest)]


class Film(Manifest):
    """A film as the archive holds it: its reels, in the order of projection."""

    schema_: Literal[1] = Field(alias="schema", description="version of this schema")
    id: ReelId = Field(description="unique in the archive")
    title: str = Field(min_length=1)
    year: int | None = Field(None, ge=1880, le=2100)
    country: str | None = Field(None, min_length=1)
    director: str | None = Field(None, min_length=1)
    reels: tuple[ManifestName, ...] = Field(
        min_length=1, description="manifests of its reels, relative to this file, in the order of projection"
    )
    notes: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = sorted({name for name in self.reels if self.reels.count(name) > 1})
        if twice:
            raise ValueError(f"each reel once, not {', '.join(twice)} twice")
        return self

    def manifests(self, file: Path) -> tuple[Path, ...]:
        """The manifests of its reels, of a film read from `file`."""
        return tuple(file.parent / name for name in self.reels)
