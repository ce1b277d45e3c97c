"""The layer that steadies a shot: where each frame lay, where it is put, and the one resampling that puts it there."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from restorers import motion, warp
from restorers.clip import Clip, Origin
from restorers.jumps import Jump
from restorers.restorer import Array, Bench, Remedy, RestorationError
from restorers.warp import AFFINE, WARP

Floats: TypeAlias = NDArray[np.float64]


class Steadying(Remedy):
    """Where each frame lay, where it is put, and how that was told."""

    first: int
    size: tuple[int, int] = Field(description="height and width of the frames examined")
    static: bool = Field(description="the camera is taken to have stood still")
    steady: bool = Field(description="nothing to correct: frames come back with the very same numbers")
    warp: bool = Field(description="whether the path has modes of warp, or only shift, rotation and shrinkage")
    path: Array = Field(description="(T, 2, K) where each frame was found, coefficients of `warp.WARP` modes, pixels")
    course: Array = Field(description="(T, 2, K) the part of it that is the camera's")
    correction: Array = Field(description="(T, 2, K) the part of the rest that is taken out")
    error: Array = Field(description="(2, K) standard error of the correction, pixels")
    agreement: Array = Field(description="(T,) share of the trusted picture that follows the fit, 0 to 1")
    period: float | None = Field(description="frames; slower swings are taken for the camera's; none if it stood still")
    reference: str = Field("the picture", description="what the machine's part was told by")
    jumps: tuple[Jump, ...] = Field((), description="frames that stood far out of their place, and are put back")

    @property
    def modes(self) -> tuple[tuple[int, int], ...]:
        """The modes the coefficients belong to."""
        return WARP if self.warp else AFFINE

    def displacement(self, number: int) -> Tensor:
        """Where the pixels of a steadied frame come from, `(2, H, W)` in pixels; composes with other geometry."""
        return warp.field(torch.from_numpy(self.correction[number - self.first]), self.size, self.modes)

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """Each frame resampled once; what lies beyond its edge repeats the edge and is marked interpolated.

        Raises:
            RestorationError: the clip has another size than the frames examined.
        """
        if self.steady:
            return clip
        if clip.size != self.size:
            raise RestorationError(
                f"frames {clip.first}-{clip.stop - 1} are {clip.size[1]}x{clip.size[0]}, but the shot was examined for "
                f"stabilization at {self.size[1]}x{self.size[0]}: put stabilization before what changes the size"
            )
        frames, marks = torch.empty_like(clip.frames), torch.empty_like(clip.origin)
        for index, number in enumerate(clip.numbers):
            field = self.displacement(number).to(bench.device)
            frames[index] = motion.resampled(clip.frames[index : index + 1], field[None])[0]
            moved = Origin.RESAMPLED if bool(field.any()) else Origin.UNTOUCHED
            marks[index] = torch.where(motion.outside(field), int(Origin.INTERPOLATED), int(moved))
        return clip.marked(frames, marks)

    def summary(self) -> str:
        """E.g. `static camera; weave 1.31 px, warp 0.42 px, told to within 0.08 px; frame 9 jumps 4 px up (splice)`."""
        camera = "static camera" if self.period is None else f"moving camera, swings over {self.period:.0f} frames kept"
        weave, bent = _rms(self.jitter[..., : len(AFFINE)]), _rms(self.jitter[..., len(AFFINE) :])
        found = f"{camera}; weave {weave:.2f} px, warp {bent:.2f} px, told to within {self.uncertainty:.2f} px"
        found += "" if self.reference == "the picture" else f" by {self.reference}"
        found = "; ".join((found, *(jump.said for jump in self.jumps)))
        return f"{found}; steady, left as found" if self.steady else found

    @property
    def jitter(self) -> Floats:
        """What of the path is not the camera's, `(T, 2, K)` pixels."""
        return np.asarray(self.path - self.course, np.float64)

    @property
    def uncertainty(self) -> float:
        """Root mean square by which a steadied frame may still be out of its place, in pixels."""
        return float(np.sqrt((self.error**2).sum()))


def _rms(values: Floats) -> float:
    """Root mean square over the frames of what coefficients `(T, ...)` move."""
    return float(np.sqrt((np.asarray(values, np.float64) ** 2).sum() / len(values)))
