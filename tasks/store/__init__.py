"""Where artifacts lie: bytes under their own digest, and records of which recipe made them.

Errors: StoreError(OSError)
        └── Corrupt(StoreError), an object's bytes are not those of its name; it has been moved to quarantine
"""

from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field


class StoreError(OSError):
    """The store cannot give or take what was asked; says which object."""


class Corrupt(StoreError):
    """An object's bytes do not have the digest it is named after; it has been quarantined."""


class Artifact(BaseModel):
    """One stored file: named by its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the bytes")
    size: int = Field(ge=0, description="bytes")


class Record(BaseModel):
    """What a recipe gave: named artifacts. Published last, after the artifacts themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the recipe")
    recipe: str = Field(description="the recipe as canonical JSON, for people")
    outputs: dict[str, Artifact]


class Store(Protocol):
    """A content-addressed store. `FolderStore` is one; an S3 one has the same five calls."""

    def put(self, content: bytes | Path) -> Artifact:
        """Keep bytes, or a file's bytes (the file may be moved away); atomic, idempotent."""

    def path(self, artifact: Artifact) -> Path:
        """A local, read-only file with the artifact's bytes, digest checked now.

        Raises:
            KeyError: the store does not hold it.
            Corrupt: its bytes are not what its name says.
        """

    def publish(self, record: Record) -> None:
        """Make a record known; its artifacts must be there already. Atomic."""

    def recall(self, key: str) -> Record | None:
        """The record of a recipe whose artifacts are all there and sound; None when any is not."""

    def scratch(self, suffix: str = "") -> Path:
        """A fresh path on the store's own disk for a file that `put` will take; swept when its process is gone."""
