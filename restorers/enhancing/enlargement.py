"""The remedy of enhancement: what ails a shot, who draws it and how large, and what becomes of its grain."""

from typing import Literal

import torch
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.detail.course import Courses
from restorers.detail.enlarging import enlarged, repeated, share_kept
from restorers.detail.fusion import REACH, averaged, fused
from restorers.detail.grain import GrainModel, laid
from restorers.enhancing.diagnosis import Diagnosis
from restorers.enhancing.drawing import Drawing
from restorers.networks import NUMBERS
from restorers.networks.engine import Precision
from restorers.networks.foreign import Brought
from restorers.restorer import Bench, Enlarging, RestorationError

Profile = Literal["fidelity", "perceptual", "draft", "linear"]
NETWORKS: dict[str, str] = {"fidelity": "enhancer", "perceptual": "imaginer", "draft": "draft"}
"""The network of each profile that has one."""


class Enlargement(Enlarging):
    """What ails a shot, and what is to be done about it.

    Attributes:
        found: what ails it, as measured or as a person said.
        factor: how many times larger it is drawn.
        grain: what becomes of grain, as prescribed.
        film: whether what is random is held for grain of film.
        laid: the grain that is laid anew, if any is.
        amount: how much of it.
        profile: who draws.
        invention: how far from the likeliest picture towards one of likely texture, in the profile perceptual.
        precision: what the network computes in; none where none works.
        brought: the network that was brought, if it is not one of ours.
        device: the kind of device that the network works on.
        ran: what runs it and how precisely, as read back from what was built.
    """

    found: Diagnosis
    factor: Literal[1, 2, 4]
    grain: str
    film: bool
    laid: GrainModel | None
    amount: float
    profile: Profile
    invention: float
    precision: Precision | None
    brought: Brought | None
    device: str
    ran: str

    @property
    def scale(self) -> int:  # type: ignore[override]  # depends on a setting
        """How much larger the applied clip is."""
        return self.factor

    @property
    def halo(self) -> int:  # type: ignore[override]  # depends on a setting
        """Three neighbors each side where grain is averaged away."""
        return REACH if self.calms else 0

    @property
    def enlarges(self) -> int:
        """All of it at once, where no network draws it and no grain is to be taken off first."""
        return self.factor if self.profile == "linear" and not self.calms else 1

    @property
    def keeps(self) -> bool:
        """Whether what the scan shows beyond what is drawn is kept: there is nothing but rounding, or it is grain."""
        return (self.grain == "keep" and self.film) or not (self.found.noisy or self.found.coding)

    @property
    def draws(self) -> bool:
        """Whether frames are drawn anew, beyond what is laid on them."""
        if self.factor > 1 or self.brought:
            return True
        if self.profile == "linear":
            return self.found.noisy and not self.keeps
        return self.found.blur > 0 or not self.keeps

    @property
    def calms(self) -> bool:
        """Whether grain is averaged away along the motion first."""
        linear = self.profile == "linear"
        return self.draws and self.found.noisy and self.profile != "draft" and not (linear and self.keeps)

    @property
    def mark(self) -> int:
        """What its pixels are marked with."""
        own = self.keeps and self.laid is None
        if self.brought:
            return Origin.GENERATED + NUMBERS["brought"]
        if self.profile == "perceptual" and self.draws:
            return Origin.GENERATED + NUMBERS["imaginer"]
        if self.profile == "linear" or not self.draws:
            return int(Origin.RESAMPLED if own else Origin.GRAIN)
        return int(Origin.ESTIMATED if own else Origin.REGRAINED)

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """The clip enlarged; the clip itself where there is nothing to do."""
        return self.applied(clip, clip.first, clip.stop, bench)

    def applied(self, clip: Clip, first: int, stop: int, bench: Bench) -> Clip:
        """Only the frames asked for are worked out: neighbors are looked at as they are.

        Raises:
            RestorationError: the shot was examined for another device.
        """
        kept = clip.between(first, stop)
        if not self.draws and self.laid is None:
            return kept if len(kept) < len(clip) else clip
        drawing = self._drawing(clip, bench)
        courses = Courses.of(clip, bench) if self.calms and len(clip) > 1 else None
        height, width = clip.size
        frames = clip.frames.new_empty((len(kept), 3, self.factor * height, self.factor * width))

        def lay(number: int) -> None:
            picture = frames[number - first]
            left = self._draw(clip, number, courses, drawing, picture)
            self._grain(picture, number, bench, left=left)

        bench.map(lay, kept.numbers)
        marks = torch.clamp(kept.origin, min=self.mark)
        return Clip(frames, clip.space, first, repeated(marks, self.factor))

    def finished(self, clip: Clip, bench: Bench) -> Clip:
        """The clip, enlarged already, with its grain on it."""
        if self.laid is None:
            return clip.marked(clip.frames, Origin.RESAMPLED)
        frames = clip.frames.clone()

        def lay(number: int) -> None:
            self._grain(frames[number - clip.first], number, bench)

        bench.map(lay, clip.numbers)
        return clip.marked(frames, self.mark)

    def summary(self) -> str:
        """What was found, and what becomes of picture and grain."""
        invents = f" {self.invention:g}" * (self.profile == "perceptual" and self.invention != 1)
        does = f"x{self.factor}, {self.profile}{invents}" if self.draws else "left as found"
        grain = {"keep": "kept" if self.keeps else "gone, as it is not film's"}.get(self.grain, self.grain)
        amount = f" x {self.amount:g}" * (self.laid is not None and self.amount != 1)
        return "; ".join(filter(None, (self.found.words(), does, f"grain {grain}{amount}", self.ran)))

    def drawing(self, bench: Bench) -> Drawing | None:
        """The network that draws, ready; none where none works.

        Raises:
            MissingWeights, MissingBackend, RestorationError: see `Drawing`.
        """
        if self.precision is None or not self.draws:
            return None
        if self.brought:
            return Drawing.brought(self.brought, self.factor, bench)
        name = NETWORKS[self.profile]
        if self.profile == "perceptual":
            ends = NETWORKS["fidelity"], name
            return Drawing.between(ends, self.invention, self.factor, self.precision, bench)
        return Drawing.of(name, self.factor, self.precision, bench)

    def _drawing(self, clip: Clip, bench: Bench) -> Drawing | None:
        if self.precision and self.draws and bench.device.type != self.device:
            raise RestorationError(
                f"frames {clip.first}-{clip.stop - 1} were examined to be enhanced by {self.ran}, and this is a bench "
                f"on {bench.device.type}: examine them there, or render them on {self.device}"
            )
        return self.drawing(bench)

    def _draw(
        self, clip: Clip, number: int, courses: Courses | None, drawing: Drawing | None, picture: Tensor
    ) -> Tensor | None:
        """Fill `picture` `(3, factor H, factor W)` with a frame, density, and the grain that is kept.

        And give what is left of the standard deviation of grain that was to go, `(H, W)`; None where none is.
        """
        frame = clip[number]
        if not self.draws:
            picture.copy_(frame)
            return None
        if drawing is not None:
            calm = frame
            share: Tensor | float = 1.0
            if courses is not None:
                found = averaged(clip, number, courses, self.found.grain)
                calm, share = found.frame, found.share
            drawing.drawn(calm, self.found.condition(calm, share), scan=frame if self.keeps else None, out=picture)
            return None
        if courses is None:
            picture.copy_(enlarged(frame, self.factor))
            return None
        found = fused(clip, number, courses, self.found.grain)
        picture.copy_(enlarged(found.frame, self.factor))
        return found.share * share_kept(self.found.grain.autocorrelation, self.factor)

    def _grain(self, picture: Tensor, number: int, bench: Bench, *, left: Tensor | None = None) -> None:
        """Lay grain anew on a drawn frame, as much as is lacking beside what is left."""
        if self.laid is None or self.amount == 0:
            return
        scale = 1.0 if self.laid.method == "published" else float(self.factor)
        fresh = laid(self.laid, picture, number, bench, scale=scale)
        if left is None or self.laid.method == "published":
            picture.add_(fresh, alpha=self.amount)
        else:
            lacking = torch.sqrt(torch.clamp(self.amount**2 - left.square(), min=0))
            picture.add_(fresh.mul_(repeated(lacking, self.factor)))
