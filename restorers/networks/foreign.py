"""Networks that people bring: weights of a known architecture, which the weights themselves tell.

Weights are data here and never code: the file is the one named by its digest, and is read as tensors or not at all.
"""

import importlib
import io
import pickle
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from restorers.networks.card import digest
from restorers.networks.tiles import tiled
from restorers.restorer import Bench, MissingWeights
from restorers.vision import provide_torchvision

MALFORMED = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
"""What readers of files raise that are not what they took them for."""


class Brought(BaseModel):
    """Weights that somebody brings for a network that is not ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1, description="name of the file of the weights: .safetensors, .pth or .pt")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the file, in hexadecimal digits")
    licence: str = Field(min_length=1, description="what the weights may be used for, as whoever made them says")


@dataclass(frozen=True)
class Foreign:
    """A brought network ready for work. Several threads may use it at a time.

    Attributes:
        brought: its weights.
        architecture: its name.
        scale: how many times larger it draws.
        minimum: side of the smallest picture it takes as it is, pixels; smaller ones are padded for it.
        multiple: pictures are padded to multiples of it, pixels.
        tiles: whether it may be shown a picture in pieces; others are shown it whole, whatever memory that takes.
        dtype: what it computes in.
    """

    brought: Brought
    architecture: str
    scale: int
    minimum: int
    multiple: int
    tiles: bool
    dtype: torch.dtype
    _descriptor: Any

    def drawn(self, picture: Tensor, *, tile: int = 512, overlap: int = 32) -> Tensor:
        """What it makes of a picture.

        Nobody knows how far the network sees; where that is farther than the overlap, tiles may differ from the whole.

        Args:
            picture: red, green and blue as displayed, `(3, H, W)`, float32 in [0, 1].
            tile: longest side of the tiles it is shown, pixels; rounded up to what the network takes.
            overlap: how far from a tile's inner edges nothing is kept, pixels.

        Returns:
            `(3, scale H, scale W)`, float32 in [0, 1], on the picture's device.

        Raises:
            ValueError: it is not such a picture, or a tile is all overlap.
        """
        if picture.ndim != 3 or picture.shape[0] != 3 or picture.dtype != torch.float32:
            raise ValueError(f"a picture is (3, H, W) torch.float32, not {tuple(picture.shape)} {picture.dtype}")
        height, width = picture.shape[1:]
        tile = max(_up(tile, self.multiple), _up(self.minimum, self.multiple))
        if not self.tiles or max(height, width) <= tile:
            return self._run(picture[None])[0]
        whole = _padded(picture[None], _up(height, self.multiple), _up(width, self.multiple))
        large = tiled(self._run, whole, tile=tile, overlap=overlap, multiple=self.multiple)
        return large[0, :, : self.scale * height, : self.scale * width]

    @torch.no_grad()
    def _run(self, planes: Tensor) -> Tensor:
        drawn: Tensor = self._descriptor(planes.to(self._descriptor.device, self.dtype))
        return drawn.to(planes.device, torch.float32)


def opened(brought: Brought, path: Path, bench: Bench) -> Foreign:
    """The network of weights that somebody brought, on the bench's device.

    It computes in half precision only where that is a CUDA device and the architecture bears it; `Foreign.dtype` says.
    It is read once a process.

    Args:
        brought: what the weights are.
        path: where they lie.
        bench: says where and how precisely to compute.

    Raises:
        MissingWeights: the file is not there, not the one named, or not weights of a network that draws one picture
            of red, green and blue from another.
    """
    return _opened(brought, path, bench.device, bench.dtype if bench.device.type == "cuda" else torch.float32)


@cache
def _opened(brought: Brought, path: Path, device: torch.device, dtype: torch.dtype) -> Foreign:
    if not path.is_file():
        raise MissingWeights(f"{brought.file} is wanted (sha256 {brought.sha256}) at {path}: put it there")
    weights = path.read_bytes()
    if (found := digest(weights)) != brought.sha256:
        raise MissingWeights(
            f"{brought.file} at {path} has sha256 {found}, not {brought.sha256}: it is another file, or damaged; "
            "bring the one that was named, or name this one"
        )
    descriptor = _recognized(_tensors(weights, path.suffix.lower(), brought.file), brought.file)
    descriptor.model.eval().requires_grad_(False)
    bears = {torch.float16: descriptor.supports_half, torch.bfloat16: descriptor.supports_bfloat16}
    dtype = dtype if bears.get(dtype, True) else torch.float32
    descriptor.to(device, dtype)
    size = descriptor.size_requirements
    return Foreign(
        brought=brought,
        architecture=descriptor.architecture.name,
        scale=descriptor.scale,
        minimum=size.minimum,
        multiple=size.multiple_of,
        tiles=descriptor.tiling is _spandrel().ModelTiling.SUPPORTED and not size.square,
        dtype=dtype,
        _descriptor=descriptor,
    )


def _tensors(weights: bytes, kind: str, file: str) -> dict[str, Any]:
    if kind not in {".safetensors", ".pth", ".pt"}:
        raise MissingWeights(f"{file} is not .safetensors, .pth or .pt: convert it to .safetensors")
    try:
        state: object = safetensors.torch.load(weights) if kind == ".safetensors" else _unpickled(weights)
    except (*MALFORMED, SafetensorError, pickle.UnpicklingError, EOFError) as error:
        raise MissingWeights(
            f"{file} is damaged, or holds something other than tensors, which is not read: "
            "have it converted to .safetensors by whoever made it"
        ) from error
    if not isinstance(state, dict):
        raise MissingWeights(f"{file} holds a {type(state).__name__}, not the weights of a network by their names")
    return state


def _unpickled(weights: bytes) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that it goes on to refuse
        return torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)


def _recognized(state: dict[str, Any], file: str) -> Any:
    spandrel = _spandrel()
    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(state))
    except spandrel.UnsupportedModelError as error:
        known = len(spandrel.MAIN_REGISTRY.architectures())
        raise MissingWeights(
            f"{file} holds weights of an architecture that is none of the {known} known: bring another network"
        ) from error
    except MALFORMED as error:
        raise MissingWeights(
            f"{file} holds weights that do not fit the architecture they look like: {error}"
        ) from error
    name, taken, given = descriptor.architecture.name, descriptor.input_channels, descriptor.output_channels
    masked = not isinstance(descriptor, spandrel.ImageModelDescriptor)
    if masked or (taken, given) != (3, 3):
        raise MissingWeights(
            f"{file} holds weights of {name}, which takes a picture of {taken} channels{' and a mask' * masked} "
            f"and gives one of {given}: bring a network that draws a picture of 3 channels from another"
        )
    return descriptor


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _padded(planes: Tensor, height: int, width: int) -> Tensor:
    return functional.pad(planes, (0, width - planes.shape[-1], 0, height - planes.shape[-2]), "reflect")


@cache
def _spandrel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provide_torchvision()
        return importlib.import_module("spandrel")
