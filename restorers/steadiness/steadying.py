"""The layer that steadies a shot: where each frame lay, where it is put, and the one resampling that puts it there."""

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from restorers.clip import Clip
from restorers.geometry import warp
from restorers.geometry.movement import Movement, Where, after, zoomed
from restorers.geometry.resampling import carried, greatest, moved
from restorers.geometry.warp import AFFINE, WARP
from restorers.restorer import Array, Bench, Moving, RestorationError
from restorers.steadiness.borders import Donor, filled
from restorers.steadiness.jumps import Jump, offsets

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

REACH = 2
MOST_ZOOM = 4.0


class Steadying(Moving):
    """Where each frame lay, where it is put, and how that was told."""

    first: int
    size: tuple[int, int] = Field(description="height and width of the frames examined")
    static: bool = Field(description="the camera is taken to have stood still")
    weaving: bool = Field(True, description="frames were shaken, beyond what a camera does by itself")
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
    borders: Literal["fill", "repeat", "crop"] = Field("repeat", description="what is shown where a frame has nothing")
    zoom: float = Field(1.0, ge=1, description="how much the picture is enlarged so that its borders lie outside")

    @property
    def modes(self) -> tuple[tuple[int, int], ...]:
        """The modes the coefficients belong to."""
        return WARP if self.warp else AFFINE

    @property
    def halo(self) -> int:  # type: ignore[override]  # depends on a setting
        """Neighbors each side that borders are filled from."""
        return REACH if self.borders == "fill" and not self.steady else 0

    def where(self, number: int, donor: int | None = None) -> Where:
        """Where the places of a steadied frame lie in the frame as it was, or in another one, the donor."""
        coefficients = self.correction[number - self.first].astype(np.float64)
        if donor is not None:
            coefficients = coefficients + self.path[donor - self.first] - self.path[number - self.first]
        return after(placed(coefficients, self.modes, self.size), zoomed(self.size, self.zoom))

    def displacement(self, number: int) -> Tensor:
        """Where the pixels of a steadied frame come from, `(2, H, W)` in pixels."""
        return torch.from_numpy(Movement.of(self.where(number), self.size).displacement()).float()

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """Each frame resampled once.

        Raises:
            RestorationError: the clip has another size than the frames examined.
        """
        return self.applied(clip, clip.first, clip.stop, bench)

    def applied(self, clip: Clip, first: int, stop: int, bench: Bench) -> Clip:
        """Only the frames asked for are resampled: of their neighbors, no more than what the borders need.

        Raises:
            RestorationError: the clip has another size than the frames examined.
        """
        if self.steady:
            return clip if (first, stop) == (clip.first, clip.stop) else clip.between(first, stop)
        return self.drawn(clip, first, stop, 1, bench)

    @property
    def moves(self) -> bool:
        """Whether there is anything to correct."""
        return not self.steady

    def drawn(self, clip: Clip, first: int, stop: int, factor: int, bench: Bench) -> Clip:
        """The frames first <= n < stop in their place and `factor` times larger, each resampled once.

        Raises:
            RestorationError: the clip has another size than the frames examined.
        """
        if clip.size != self.size:
            raise RestorationError(
                f"frames {clip.first}-{clip.stop - 1} are {clip.size[1]}x{clip.size[0]}, but the shot was examined for "
                f"stabilization at {self.size[1]}x{self.size[0]}: put stabilization before what changes the size"
            )
        kept, (height, width) = clip.between(first, stop), clip.size
        frames = clip.frames.new_empty((len(kept), 3, factor * height, factor * width))
        origin = kept.origin.new_empty((len(kept), factor * height, factor * width))

        def lay(number: int) -> None:
            mark = self._steadied(clip, number, factor, frames[number - first])
            origin[number - first] = torch.from_numpy(mark)

        bench.map(lay, kept.numbers)
        return replace(kept, frames=frames, origin=origin)

    def carried(self, plane: Singles, number: int) -> Singles:
        """A plane `(H, W)` that belongs to a frame, laid where the steadied frame shows it, its edge repeated."""
        movement = Movement.of(self.where(number), self.size)
        return plane if self.steady or movement.still else carried(plane, movement)

    def _steadied(self, clip: Clip, number: int, factor: int, picture: Tensor) -> NDArray[np.uint8]:
        """Fill a picture `(3, factor H, factor W)` with a frame in its place; the marks of its pixels."""
        movement = Movement.of(self.where(number), self.size, factor=factor)
        moved(clip[number], movement, picture)
        beneath = clip.origin[number - clip.first].cpu().numpy()
        if movement.still:
            return beneath
        others = sorted((n for n in clip.numbers if 0 < abs(n - number) <= self.halo), key=lambda n: abs(n - number))
        donors = (
            Donor(n - number, clip[n], Movement.of(self.where(number, n), self.size, factor=factor)) for n in others
        )
        marks = filled(picture, movement, donors)
        return np.maximum(marks, greatest(beneath, movement)) if beneath.any() else marks

    def summary(self) -> str:
        """E.g. `static camera; weave 1.31 px, warp 0.42 px, told to within 0.08 px; frame 9 jumps 4 px up (splice)`."""
        camera = "static camera" if self.period is None else f"moving camera, swings over {self.period:.0f} frames kept"
        jitter = self.jitter
        jitter[:, :, 0] -= offsets(self.jumps, self.first, len(jitter))
        weave, bent = _rms(jitter[..., : len(AFFINE)]), _rms(jitter[..., len(AFFINE) :])
        found = f"{camera}; weave {weave:.2f} px, warp {bent:.2f} px, told to within {self.uncertainty:.2f} px"
        found += "" if self.reference == "the picture" else f" by {self.reference}"
        found += "" if self.weaving else "; no more than a camera does by itself (weave: present, if you know better)"
        found = "; ".join((found, *(jump.said for jump in self.jumps)))
        return f"{found}; steady, left as found" if self.steady else f"{found}; {self._border_said}"

    @property
    def _border_said(self) -> str:
        farthest = warp.largest(self.correction, self.modes)
        up_to = f"up to {farthest.max():.1f} px, in frame {self.first + int(farthest.argmax())}"
        match self.borders:
            case "fill":
                return f"borders, {up_to}, filled from up to {REACH} neighbors each side"
            case "repeat":
                return f"borders, {up_to}, repeat the edge"
            case "crop":
                return f"enlarged by {100 * (self.zoom - 1):.2f} % so that no border is seen"

    @property
    def jitter(self) -> Floats:
        """What of the path is not the camera's, `(T, 2, K)` pixels."""
        return np.asarray(self.path - self.course, np.float64)

    @property
    def uncertainty(self) -> float:
        """Root mean square by which a steadied frame may still be out of its place, in pixels."""
        return float(np.sqrt((self.error**2).sum()))


def placed(coefficients: Floats, modes: Modes, size: tuple[int, int]) -> Where:
    """The displacement that coefficients `(2, K)` of modes give a frame of `size` (height, width)."""

    def displacement(y: Floats, x: Floats) -> Floats:
        return warp.at(coefficients, modes, (y + 0.5) / size[0], (x + 0.5) / size[1])

    return displacement


def covering_zoom(corrections: Floats, modes: Modes, size: tuple[int, int]) -> float:
    """The smallest zoom at which frames moved by corrections `(T, 2, K)` show nothing from beyond their edges."""
    height, width = size
    y, x = (np.linspace(0, length - 1, 33) for length in size)
    rim_y = np.concatenate((0 * y, 0 * y + height - 1, y, y))
    rim_x = np.concatenate((x, x, 0 * x, 0 * x + width - 1))

    def covers(zoom: float) -> bool:
        dx, dy = zoomed(size, zoom)(rim_y, rim_x)
        u, v = rim_x + dx, rim_y + dy
        shift = warp.at(corrections.reshape(-1, len(modes)), modes, (v + 0.5) / height, (u + 0.5) / width)
        u, v = u + shift[0::2], v + shift[1::2]
        return bool(((u >= -0.5) & (u <= width - 0.5) & (v >= -0.5) & (v <= height - 0.5)).all())

    if covers(1.0):
        return 1.0
    least, most = 1.0, MOST_ZOOM
    for _ in range(24):
        middle = (least + most) / 2
        least, most = (least, middle) if covers(middle) else (middle, most)
    return most


def _rms(values: Floats) -> float:
    """Root mean square over the frames of what coefficients `(T, ...)` move."""
    return float(np.sqrt((np.asarray(values, np.float64) ** 2).sum() / len(values)))
