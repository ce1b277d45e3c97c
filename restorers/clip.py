"""A clip: consecutive frames in memory, what their numbers mean, and where each of their pixels comes from."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

import torch
from torch import Tensor

from restorers.colorspace import Space, converted


class Origin(IntEnum):
    """Where a pixel comes from, one byte a pixel, ordered by how far it is from the scan.

    Two layers on one pixel leave the greater of both marks. `BORROWED` carries the donor's distance in frames,
    `BORROWED + k` with k in [-31, 31]; `GENERATED` carries the number of the model, `GENERATED + m`.
    """

    UNTOUCHED = 0
    TONED = 1
    RESAMPLED = 2
    GRAIN = 3
    ESTIMATED = 4
    REGRAINED = 5
    CORRECTED = 6
    UNCERTAIN = 7
    BORROWED = 64
    INTERPOLATED = 112
    GENERATED = 128

    @classmethod
    def borrowed(cls, distance: int) -> int:
        """Mark of a pixel taken from the frame `distance` frames later (earlier, if negative)."""
        if not -31 <= distance <= 31 or distance == 0:
            raise ValueError(f"a donor frame is 1 to 31 frames away, not {distance}")
        return cls.BORROWED + distance

    @classmethod
    def of(cls, mark: int) -> "Origin":
        """The class that a mark belongs to.

        Raises:
            ValueError: no pixel is marked so.

        >>> Origin.of(Origin.borrowed(-2)).name
        'BORROWED'
        """
        if mark >= cls.GENERATED:
            return cls.GENERATED
        if mark != cls.BORROWED and abs(mark - cls.BORROWED) <= 31:
            return cls.BORROWED
        if mark == cls.BORROWED or mark not in set(cls):
            raise ValueError(f"{mark} is no mark of an origin")
        return cls(mark)

    @classmethod
    def shares(cls, origin: Tensor) -> dict[str, float]:
        """Share of the pixels in each class, by lower-case name; the shares sum to one.

        Raises:
            ValueError: a mark belongs to no class.
        """
        found, counts = torch.unique(origin, return_counts=True)
        shares = {each.name.lower(): 0.0 for each in cls}
        for mark, count in zip(found.tolist(), counts.tolist(), strict=True):
            shares[cls.of(mark).name.lower()] += count / origin.numel()
        return shares


@dataclass(frozen=True, eq=False)
class Clip:
    """Consecutive frames of one shot.

    Attributes:
        frames: float32 `(T, 3, H, W)`, in the units of `space`.
        space: what the numbers mean.
        first: reel number of the first frame.
        origin: uint8 `(T, H, W)`, `Origin` marks; untouched when not given.
    """

    frames: Tensor
    space: Space
    first: int
    origin: Tensor = field(default=None)  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[1] != 3:
            raise ValueError(f"a clip's frames are (T, 3, H, W), not {tuple(self.frames.shape)}")
        if self.origin is None:
            t, _, h, w = self.frames.shape
            object.__setattr__(self, "origin", torch.zeros((t, h, w), dtype=torch.uint8, device=self.frames.device))
        if self.origin.shape != (self.frames.shape[0], *self.frames.shape[2:]):
            raise ValueError(f"origin {tuple(self.origin.shape)} does not fit frames {tuple(self.frames.shape)}")

    def __len__(self) -> int:
        return self.frames.shape[0]

    @property
    def stop(self) -> int:
        """Reel number behind the last frame."""
        return self.first + len(self)

    @property
    def numbers(self) -> range:
        """Reel numbers of the frames."""
        return range(self.first, self.stop)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames.shape[2], self.frames.shape[3]

    def __getitem__(self, number: int) -> Tensor:
        """The frame `(3, H, W)` of a reel number.

        Raises:
            IndexError: the clip does not hold that frame.
        """
        if number not in self.numbers:
            raise IndexError(f"frame {number} is not in the clip {self.first}-{self.stop - 1}")
        return self.frames[number - self.first]

    def between(self, first: int, stop: int) -> Self:
        """The frames first <= n < stop, as a view.

        Raises:
            IndexError: the clip does not hold them all.
        """
        if not (self.first <= first < stop <= self.stop):
            raise IndexError(f"frames {first}-{stop - 1} are not all in the clip {self.first}-{self.stop - 1}")
        cut = slice(first - self.first, stop - self.first)
        return replace(self, frames=self.frames[cut], origin=self.origin[cut], first=first)

    def in_space(self, space: Space) -> Self:
        """The same pictures with their numbers in another space; geometry and origin stay."""
        if space is self.space:
            return self
        return replace(self, frames=converted(self.frames, self.space, space), space=space)

    def toned(self, frames: Tensor) -> Self:
        """New values for every pixel by tone or color alone: same geometry, each pixel from itself."""
        return self.marked(frames, Origin.TONED)

    def marked(self, frames: Tensor, mark: int | Tensor) -> Self:
        """New values, with a mark (one, or uint8 `(T, H, W)`) laid over the origin map wherever it is greater."""
        mark = torch.as_tensor(mark, dtype=torch.uint8, device=frames.device)
        return replace(self, frames=frames, origin=torch.maximum(self.origin, mark))
