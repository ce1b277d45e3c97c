"""The three words every treatment is made of: a restorer examines, a remedy is applied, a bench lends the tools.

Errors: RestorationError(RuntimeError), a shot cannot be treated as asked
        ├── MissingWeights(RestorationError), a network's file is not on the machine or not the one pinned
        └── WrongEdit(RestorationError), a person's edit names what is not there
"""

import hashlib
import json
import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space

if TYPE_CHECKING:
    from restorers.render import Footage


T = TypeVar("T")
R = TypeVar("R")


class RestorationError(RuntimeError):
    """A shot cannot be treated as asked; says which frames and why."""


class MissingWeights(RestorationError):
    """A network's weights are not on this machine, or are not the ones pinned."""


class WrongEdit(RestorationError):
    """A person's edit names frames, rows or columns that are not there."""


class Scope(StrEnum):
    """What a restorer must see at once to arrive at its remedy."""

    SHOT = "shot"
    REEL = "reel"


_blobs: ContextVar[dict[str, NDArray[np.generic]]] = ContextVar("blobs")


def _stored(array: NDArray[np.generic]) -> dict[str, str]:
    blobs = _blobs.get()
    name = f"{len(blobs):04d}"
    blobs[name] = np.ascontiguousarray(array)
    return {"blob": name}


def _restored(value: object) -> object:
    return _blobs.get()[value["blob"]] if isinstance(value, Mapping) else value


Array = Annotated[
    np.ndarray,
    BeforeValidator(_restored),
    PlainSerializer(_stored, when_used="json"),
]
"""A remedy's large array: kept out of its JSON, beside it, as a named blob."""


def _packed(array: NDArray[np.generic]) -> dict[str, object]:
    whole = np.diff(array, axis=0, prepend=array.dtype.type(0)) if array.dtype.kind in "iu" else array
    planes = np.ascontiguousarray(whole).reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize).T
    packed = np.frombuffer(zlib.compress(planes.tobytes()), np.uint8)
    return {**_stored(packed), "type": array.dtype.str, "shape": list(array.shape)}


def _unpacked(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    kind, shape = np.dtype(value["type"]), tuple(value["shape"])
    planes = np.frombuffer(zlib.decompress(_blobs.get()[value["blob"]].tobytes()), np.uint8)
    array = planes.reshape(kind.itemsize, math.prod(shape)).T.copy().reshape(-1).view(kind).reshape(shape)
    return np.cumsum(array, axis=0, dtype=kind) if kind.kind in "iu" else array


Packed = Annotated[
    np.ndarray,
    BeforeValidator(_unpacked),
    PlainSerializer(_packed, when_used="json"),
]
"""The same in fewer bytes and without loss: whole numbers as their differences, bytes sorted by place, deflated."""


def _lined(value: object, depth: int = 0) -> str:
    """JSON for people: a line for each field, and for each item of a list of lists or mappings."""
    indent, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict) and (not depth or any(isinstance(inner, dict | list) for inner in value.values())):
        fields = (f"{json.dumps(name)}: {_lined(inner, depth + 1)}" for name, inner in value.items())
        return "{" + indent + f",{indent}".join(fields) + end + "}"
    if isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        return "[" + indent + f",{indent}".join(map(_compact, value)) + end + "]"
    return _compact(value)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Remedy(BaseModel, ABC):
    """What an examination found and what is to be done about it; small, readable, reversible."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    space: ClassVar[Space] = Space.DENSITY
    """The space `apply` expects its clip in, and returns it in."""

    halo: ClassVar[int] = 0
    """Frames of context `apply` needs on each side of a frame; fewer only where the shot ends."""

    scale: ClassVar[int] = 1
    """How much larger the applied clip is; a property where it depends on a setting."""

    @abstractmethod
    def apply(self, clip: Clip, bench: "Bench") -> Clip:
        """The clip with this layer on it: same frame numbers, same space.

        What it returns for a frame depends on that frame and its halo alone, so that windows of any length give the
        same pixels.
        """

    def applied(self, clip: Clip, first: int, stop: int, bench: "Bench") -> Clip:
        """The frames first <= n < stop of the applied clip; the others are their halo. For layers that cost much."""
        return self.apply(clip, bench).between(first, stop)

    def summary(self) -> str:
        """What was found, in one line of plain words, for the report and the Prefect UI."""
        return type(self).__name__

    def dumped(self) -> tuple[str, dict[str, NDArray[np.generic]]]:
        """The remedy as JSON and its arrays by name."""
        token = _blobs.set({})
        try:
            return _lined(json.loads(self.model_dump_json())), _blobs.get()
        finally:
            _blobs.reset(token)

    @classmethod
    def loaded(cls, text: str | bytes, blobs: Mapping[str, NDArray[np.generic]]) -> Self:
        """The remedy that `dumped` gave.

        Raises:
            pydantic.ValidationError: the JSON is not one of this remedy.
        """
        token = _blobs.set(dict(blobs))
        try:
            return cls.model_validate_json(text)
        finally:
            _blobs.reset(token)


class Moving(Remedy):
    """A layer that moves its frames, and can draw them larger in the same resampling."""

    @property
    @abstractmethod
    def moves(self) -> bool:
        """Whether it moves any of them."""

    @abstractmethod
    def drawn(self, clip: Clip, first: int, stop: int, factor: int, bench: "Bench") -> Clip:
        """The frames first <= n < stop of the applied clip, `factor` times larger."""

    @abstractmethod
    def carried(self, plane: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """A plane `(H, W)` that says something of a frame's pixels, laid where the applied frame shows them."""


class Enlarging(Remedy):
    """A layer that may begin by enlarging each frame, which a `Moving` one right beneath it does for it."""

    @property
    @abstractmethod
    def enlarges(self) -> int:
        """How many times larger it draws each frame before it does anything else; 1 where something comes first."""

    @abstractmethod
    def finished(self, clip: Clip, bench: "Bench") -> Clip:
        """The applied clip, of one that is that much larger already."""


class Restorer(BaseModel, ABC):
    """A treatment as prescribed: its fields are its settings, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    revision: ClassVar[int] = 1
    """Raised when the same settings would give another result; part of every recipe."""

    scope: ClassVar[Scope] = Scope.SHOT

    remedy: ClassVar[type[Remedy]]
    """The kind of remedy it arrives at."""

    space: ClassVar[Space] = Space.DENSITY
    """The space it wants to see its footage in."""

    dense: ClassVar[bool] = False
    """Whether its remedy is costly to apply and leaves tone alone: grading looks beneath it."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks it works with, as set; the digests of their weights are part of its recipes."""
        return ()

    maps: ClassVar[bool] = False
    """Whether maps that come with a scan, infrared or drawn by hand, tell it anything."""

    @abstractmethod
    def examine(self, footage: "Footage", bench: "Bench") -> Remedy:
        """The remedy for one shot, or for the whole reel where `scope` says so.

        Raises:
            RestorationError: the footage cannot be treated as asked.
        """


class Editable(Restorer):
    """A restorer whose findings a person looks through and edits, without a new examination."""

    edits: ClassVar[frozenset[str]]
    """The settings that are a person's edits; `examine` does not look at them."""

    @abstractmethod
    def edited(self, found: Remedy) -> Remedy:
        """What `examine` found, with the edits made to it.

        Raises:
            WrongEdit: an edit reaches beyond the frame.
        """

    @abstractmethod
    def concerning(self, first: int, stop: int) -> Self:
        """The same settings with those edits alone that concern the frames first <= n < stop."""

    @abstractmethod
    def check(self, spans: Sequence[range]) -> None:
        """Refuse edits of frames that none of a reel's shots has.

        Raises:
            WrongEdit: there are some; names them all.
        """


@dataclass(frozen=True)
class Bench:
    """What a restorer may use: where to compute, how precisely, with which weights and which randomness."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    seed: int = 0
    workers: int = 1
    weights: Callable[[str], Path] | None = None
    """Where the weights of a network lie, by its name; those that come with the package when not given."""
    brought: Path | None = None
    """Folder of the weights that people bring."""

    def tensor(self, values: object) -> Tensor:
        """Values as a float32 tensor on the bench's device."""
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def generator(self, *names: object) -> torch.Generator:
        """Random numbers that depend on the seed and the names alone: the same on every device and in every window."""
        digest = hashlib.sha256(repr((self.seed, *names)).encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results in order, computed by `workers` threads; for per-frame work in libraries that release the GIL."""
        if self.workers == 1:
            return [function(item) for item in items]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(function, items))
