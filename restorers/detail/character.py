"""What the random part of a shot is: film grain, noise of a sensor, of its mosaic, or what a codec left.

It is told by logistic regression over `restorers.detail.traits`, with weights of one kind for shots and others for
single frames (`restorers.detail.telling`, fitted by `restorers.training.character`). A frame that was steadied or
enlarged has lost the grid of its codec, so no grid is no proof that it was not coded; other traits speak then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.colorspace import Space, converted
from restorers.detail.exposures import BLOCK, Exposures, compared
from restorers.detail.grain import Floats
from restorers.detail.telling import Telling, tellings
from restorers.detail.traits import (
    Lattice,
    Persistence,
    Texture,
    changes,
    lattice,
    persistence,
    residuals,
    texture,
)
from restorers.render import Footage

Part = TypeVar("Part", Lattice, Persistence)
Kind = Literal["film", "sensor", "demosaic", "compression", "none"]
KINDS: tuple[Kind, ...] = ("film", "sensor", "demosaic", "compression")

PAIRS = 3
FEWEST = 8  # registered blocks
SILENT = -0.45  # logarithm of sigma in codes of 8 bits; rounding to 8 bits alone has -0.54
FARTHEST = 3.0  # spreads beyond which a trait says no more


@dataclass(frozen=True)
class Traits:
    """All that was measured of a shot; nothing of time where there is one frame."""

    lattice: Lattice
    still: Texture
    moving: Texture | None
    persistence: Persistence | None

    def vector(self) -> Floats:
        """The numbers in order, `(19,)` of a frame or `(36,)` of a shot."""
        parts = (self.lattice, self.still, self.moving, self.persistence)
        return np.array([value for part in parts if part is not None for value in part.model_dump().values()])


class Character(BaseModel):
    """What the random part of a shot is, and what says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    film: float = Field(ge=0, le=1, description="probability that it is film grain")
    kind: Kind = Field(description="the likeliest; none where nothing is left but rounding")
    lattice: Lattice
    still: Texture
    moving: Texture | None = Field(description="of what changes between registered frames")
    persistence: Persistence | None


def character(footage: Footage) -> Character:
    """What the random part of a shot is, from at most three pairs of neighboring frames.

    Raises:
        ValueError: the frames are smaller than 32 x 32 pixels.
    """
    return judged(traits(footage))


def traits(footage: Footage) -> Traits:
    """What can be measured of a shot.

    Raises:
        ValueError: the frames are smaller than 32 x 32 pixels.
    """
    if min(footage.size) < BLOCK:
        raise ValueError(f"grain is told on blocks of 32 x 32 pixels; frames are {footage.size}")
    frames, pairs = list(_opened(footage)), [] if len(footage) < 2 else list(_compared(footage))
    parts = [residuals(frame) for frame in frames]
    still = texture(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    whole = _mean([lattice(frame) for frame in frames])
    told = [(one, two, *changes(pair)) for one, two, pair in pairs if len(pair.blocks) >= FEWEST]
    if not told:
        return Traits(whole, still, None, None)
    moving = texture(np.concatenate([t[2] for t in told]), np.concatenate([t[3] for t in told]))
    held = _mean([persistence(one, two, moving, still) for one, two, *_ in told])
    return Traits(whole, still, moving, held)


def judged(found: Traits) -> Character:
    """What is to be made of traits."""
    telling = tellings().still if found.moving is None else tellings().shot
    signs = basis(found.vector(), telling)
    odds = np.array(telling.kinds) @ signs
    likely = np.exp(odds - odds.max())
    likely /= likely.sum()
    loudest = max(found.still.sigma, -9.0 if found.moving is None else found.moving.sigma)
    silent = loudest < SILENT
    return Character(
        film=0.0 if silent else float(likely[0]),
        kind="none" if silent else KINDS[int(likely.argmax())],
        lattice=found.lattice,
        still=found.still,
        moving=found.moving,
        persistence=found.persistence,
    )


def basis(vector: Floats, telling: Telling) -> NDArray[np.float64]:
    """Traits `(..., K)` in spreads about their middle, their squares, and one, `(..., 2 K + 1)`."""
    middle, spread = np.array(telling.middle), np.array(telling.spread)
    signs = np.clip((np.asarray(vector, np.float64) - middle) / spread, -FARTHEST, FARTHEST)
    return np.concatenate((signs, signs**2 - 1, np.ones((*signs.shape[:-1], 1))), -1)


def _opened(footage: Footage) -> Iterator[Floats]:
    for clip in footage.sample(PAIRS):
        yield _shown(clip.in_space(Space.SRGB).frames[0])


def _compared(footage: Footage) -> Iterator[tuple[Floats, Floats, Exposures]]:
    firsts = [n for span in footage.spans for n in range(span.first, span.stop - 1)]
    count = min(PAIRS, len(firsts))
    for i in range(count):
        first = firsts[(2 * i + 1) * len(firsts) // (2 * count)]
        twice = footage.clip(first, first + 2).frames
        if torch.equal(twice[0], twice[1]):
            continue  # one exposure printed twice, which says nothing of time
        frames = converted(twice, footage.space, Space.SRGB)
        one, two = (_shown(frame) for frame in frames)
        yield one, two, compared(torch.from_numpy(one), torch.from_numpy(two))


def _shown(frame: torch.Tensor) -> Floats:
    return np.clip(np.ascontiguousarray(frame.cpu().numpy(), np.float32), 0, 1)


def _mean(parts: list[Part]) -> Part:
    values = [list(part.model_dump().values()) for part in parts]
    return type(parts[0])(**dict(zip(type(parts[0]).model_fields, np.mean(values, 0).tolist(), strict=True)))
