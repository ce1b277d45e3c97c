"""A network's weights: packed for keeping, and opened again once they are known to be the ones on the card."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor

from restorers.networks.card import Card, digest
from restorers.restorer import Bench, MissingWeights

N = TypeVar("N", bound=torch.nn.Module)

HOME = Path(__file__).parent
"""Where the weights that come with the package lie."""


def opened(name: str, architecture: Callable[..., N], bench: Bench) -> N:
    """A network ready for work: on the bench's device, in half precision only where that is a CUDA device.

    It is read once a process, and shared: nothing may be changed on it. Several threads may run it at a time.

    Args:
        name: of its files; they lie where `bench.weights` says, or else come with the package.
        architecture: makes the network of its card's settings.
        bench: says where and how precisely to compute.

    Raises:
        MissingWeights: the weights or their card are not there, or the weights are not the ones on the card.
    """
    dtype = bench.dtype if bench.device.type == "cuda" else torch.float32
    said = card(name, bench)
    settings = tuple(sorted(said.settings.items()))
    network = _read(
        path(name, bench),
        sha256=said.sha256,
        architecture=architecture,
        settings=settings,
        device=bench.device,
        dtype=dtype,
    )
    return cast("N", network)


def weights_of(name: str, bench: Bench) -> dict[str, Tensor]:
    """A network's weights by their names, float32, to go on training from.

    Raises:
        MissingWeights: see `opened`.
    """
    return _unpacked(_checked(path(name, bench), card(name, bench).sha256))


def path(name: str, bench: Bench) -> Path:
    """Where a network's weights are looked for; their card is beside them."""
    return bench.weights(name) if bench.weights else HOME / f"{name}.safetensors"


def card(name: str, bench: Bench) -> Card:
    """A network's card.

    Raises:
        MissingWeights: there is none, or it is not one.
    """
    where = path(name, bench).with_suffix(".json")
    if not where.is_file():
        raise MissingWeights(f"the network {name} wants its card at {where}: there is no such file")
    try:
        return Card.model_validate_json(where.read_bytes())
    except ValidationError as error:
        raise MissingWeights(f"the network {name} has a card at {where} that cannot be read: {error}") from error


def packed(network: torch.nn.Module) -> bytes:
    """The file of a network's weights, rounded to half precision: they are read back as float32."""
    state = network.state_dict()
    halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    return safetensors.torch.save({key: value.cpu().contiguous() for key, value in halved.items()})


def loaded(network: N, weights: bytes) -> N:
    """The network with the weights of a file, in float32, to be run and not to be trained."""
    network.load_state_dict(_unpacked(weights))
    return network.eval().requires_grad_(False)


@cache
def _read(
    where: Path,
    *,
    sha256: str,
    architecture: Callable[..., torch.nn.Module],
    settings: tuple[tuple[str, int], ...],
    device: torch.device,
    dtype: torch.dtype,
) -> torch.nn.Module:
    network = loaded(architecture(**dict(settings)), _checked(where, sha256))
    return network.to(device, dtype)


def _unpacked(weights: bytes) -> dict[str, Tensor]:
    state = safetensors.torch.load(weights)
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def _checked(where: Path, sha256: str) -> bytes:
    if not where.is_file():
        raise MissingWeights(f"a network wants its weights (sha256 {sha256}) at {where}: there is no such file")
    weights = where.read_bytes()
    if digest(weights) != sha256:
        raise MissingWeights(
            f"the weights at {where} have sha256 {digest(weights)}, not {sha256} as their card says: "
            "they are others, or damaged"
        )
    return weights
