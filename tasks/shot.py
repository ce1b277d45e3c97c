"""A shot at rest: which frames of which scan, and which remedies lie on them. A few hundred bytes."""

import hashlib
import json
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from restorers.colorspace import Space
from tasks.store import Artifact

Rate = Annotated[Fraction, BeforeValidator(Fraction), PlainSerializer(str, return_type=str)]


class ScanFacts(BaseModel):
    """What ingest found in a scan's headers, and where its frame list lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: Artifact = Field(description="frame list (tasks.media.index.ScanIndex) as JSON in the store")
    digest: str = Field(description="sha256 over the digests of all frames: the identity of the scan's pixels")
    first: int
    stop: int
    height: int
    width: int
    bit_depth: int = Field(description="bits per channel: 8, 10, 12, 16, or 0 for floating point")
    floating: bool = False
    space: Space
    fps: Rate
    infrared: Artifact | None = Field(None, description="list of its infrared maps (tasks.media.maps.MapIndex) as JSON")
    masks: Artifact | None = Field(None, description="list of the marks made by hand, likewise")
    timecode: str | None = Field(None, description="of the first frame, as its header says")
    warnings: tuple[str, ...] = Field((), description="faults the manifest allowed, for the report")


class Layer(BaseModel):
    """A remedy at rest: what made it and where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    key: str = Field(description="sha256 of the recipe that gave it")
    outputs: dict[str, Artifact] = Field(description="'remedy' (JSON) and 'blobs' (safetensors)")
    summary: str = ""


class Shot(BaseModel):
    """Consecutive frames between two cuts, with the layers that lie on them, lowest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reel: str
    index: int = Field(ge=1, description="counted from 1 in reel order")
    first: int
    stop: int
    scan: ScanFacts
    digest: str = Field(description="sha256 over the digests of these frames alone")
    layers: tuple[Layer, ...] = ()

    @property
    def name(self) -> str:
        """Its name for people: `reel shot 3 (101-148)`."""
        return f"{self.reel} shot {self.index} ({self.first}-{self.stop - 1})"

    def with_layer(self, layer: Layer) -> "Shot":
        """The shot with one more remedy on top."""
        return self.model_copy(update={"layers": (*self.layers, layer)})

    def recipe(self) -> dict[str, object]:
        """What decides the pixels of the shot as it is now: the source frames and the layers' keys."""
        return {
            "source": self.digest,
            "first": self.first,
            "stop": self.stop,
            "space": self.scan.space.value,
            "bit_depth": self.scan.bit_depth,
            "layers": [layer.key for layer in self.layers],
        }


def key(recipe: object) -> str:
    """sha256 of a recipe's canonical JSON."""
    return hashlib.sha256(canonical(recipe).encode()).hexdigest()


def canonical(recipe: object) -> str:
    """A recipe as JSON with sorted keys and no spaces: the same text for the same recipe."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
