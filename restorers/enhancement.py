"""Enlarge the picture and treat its grain: take off as much as asked, enlarge what is beneath, lay grain again.

Grain is known by its strength at each density (see `granularity`), and its share in every pixel is carried along: what
fusing with the neighbors took, and what enlarging took, is what is laid again, no more. So pixels that could not be
calmed keep their own grain and get none on top.

The defaults change nothing. Size and grain are for a person to ask for; a master of the film's own size has the film's
own grain. In print, grain is enlarged with the picture: it is laid at the size a longer lens would show it.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.detail import granularity
from restorers.detail.course import Courses
from restorers.detail.enlarging import enlarged, repeated, share_kept
from restorers.detail.fusion import REACH, fused
from restorers.detail.grain import GrainModel, laid
from restorers.render import Footage
from restorers.restorer import Bench, Enlarging, Remedy, Restorer


class Enlargement(Enlarging):
    """The grain of a shot and what is to be done about it, and how much larger its frames become."""

    grain: GrainModel
    factor: Literal[1, 2, 4]
    degrain: float
    regrain: float

    @property
    def scale(self) -> int:  # type: ignore[override]  # depends on a setting
        """How much larger the applied clip is."""
        return self.factor

    @property
    def halo(self) -> int:  # type: ignore[override]  # depends on a setting
        """Three neighbors each side where grain is taken off."""
        return REACH if self.degrain > 0 else 0

    @property
    def enlarges(self) -> int:
        """All of it at once, where no grain is to be taken off first."""
        return self.factor if self.degrain == 0 else 1

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """The clip enlarged; the clip itself where there is nothing to do."""
        return self.applied(clip, clip.first, clip.stop, bench)

    def applied(self, clip: Clip, first: int, stop: int, bench: Bench) -> Clip:
        """Only the frames asked for are worked out: neighbors are looked at as they are."""
        kept = clip.between(first, stop)
        if self.factor == 1 and self.degrain == 0 and self.regrain <= 1:
            return kept if len(kept) < len(clip) else clip
        courses = Courses.of(clip, bench) if self.degrain > 0 else None
        height, width = clip.size
        frames = clip.frames.new_empty((len(kept), 3, self.factor * height, self.factor * width))
        marks = torch.empty_like(kept.origin)

        def lay(number: int) -> None:
            index = number - first
            marks[index] = self._frame(clip, number, courses, bench, out=frames[index])

        bench.map(lay, kept.numbers)
        return Clip(frames, clip.space, first, repeated(torch.maximum(kept.origin, marks), self.factor))

    def finished(self, clip: Clip, bench: Bench) -> Clip:
        """The clip, enlarged already, with the grain that enlarging took."""
        share = share_kept(self.grain.autocorrelation, self.factor)
        lacking = max(self.regrain**2 - share**2, 0.0) ** 0.5 if self.regrain > 0 else 0.0
        if lacking < LITTLE:
            return clip.marked(clip.frames, Origin.RESAMPLED)
        frames = torch.empty_like(clip.frames)

        def lay(number: int) -> None:
            fresh = laid(self.grain, clip[number], number, bench, scale=self.factor)
            torch.add(clip[number], fresh, alpha=lacking, out=frames[number - clip.first])

        bench.map(lay, clip.numbers)
        return clip.marked(frames, Origin.GRAIN)

    def summary(self) -> str:
        """The grain found, and what becomes of picture and grain."""
        found = f"grain {self.grain.strength:.3f} D, {self.grain.size:.1f} px ({self.grain.method})"
        return f"{found}; x{self.factor}, degrain {self.degrain:g}, grain {self.regrain:g}"

    def _frame(self, clip: Clip, number: int, courses: Courses | None, bench: Bench, *, out: Tensor) -> Tensor:
        """Fill `out` with a frame `(3, factor H, factor W)`; marks `(H, W)` of what was done to its pixels."""
        picture, share = clip[number], torch.ones(clip.size, device=clip.frames.device)
        if courses is not None:
            picture, share, _ = fused(clip, number, courses, self.grain, strength=self.degrain)
        if self.factor > 1:
            picture = enlarged(picture, self.factor)
            share = share * share_kept(self.grain.autocorrelation, self.factor)
        lacking = torch.sqrt(torch.clamp(self.regrain**2 - share**2, min=0)) if self.regrain > 0 else share * 0
        lacking = torch.where(lacking < LITTLE, 0, lacking)
        if bool(lacking.any()):
            fresh = laid(self.grain, picture, number, bench, scale=self.factor)
            torch.add(picture, fresh.mul_(repeated(lacking, self.factor)), out=out)
        else:
            out.copy_(picture)
        regrained = (lacking > 0) | (courses is not None)
        return torch.where(regrained, int(Origin.GRAIN), int(Origin.RESAMPLED)).to(torch.uint8)


class Enhancement(Restorer):
    """Enlarge by 1, 2 or 4 with a linear filter; take grain off and lay it again."""

    kind: Literal["enhancement"] = "enhancement"
    scale: Literal[1, 2, 4] = Field(1, description="how many times larger the frames become")
    degrain: float = Field(0.0, ge=0, le=1, description="how much of the grain is taken off; 0 leaves it as found")
    grain: float = Field(
        1.0,
        ge=0,
        le=1.5,
        description="grain of the result, in shares of the film's own; what is missing is laid",
    )

    revision: ClassVar[int] = 5
    dense: ClassVar[bool] = True
    remedy: ClassVar[type[Remedy]] = Enlargement

    def examine(self, footage: Footage, bench: Bench) -> Enlargement:  # noqa: ARG002  # nothing is computed but grain
        """Grain as measured in one shot, and the settings."""
        return Enlargement(
            grain=granularity.measured(footage), factor=self.scale, degrain=self.degrain, regrain=self.grain
        )


LITTLE = 0.05
"""Grain weaker than this share of the film's own is not laid: nobody sees it, and the pixel stays unmarked."""
