"""Take out what the gate and the decay of the base do to the picture's place; leave what the camera operator did.

Each frame is placed by a few smooth modes of the whole frame (see `path`), never followed pixel by pixel, so that what
moves in the scene moves on. What the path does slowly is the camera's, what it does from frame to frame is the
machine's; how slowly is told by likelihood (see `trend`), unless nothing speaks against a camera that stood still. What
cannot be told from grain is left alone.

Schwarz, Estimating the dimension of a model, Annals of Statistics 6(2), 1978. doi:10.1214/aos/1176344136
"""

from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from restorers import motion, trend, warp
from restorers.clip import Clip, Origin
from restorers.path import path_over_median, path_over_neighbors, path_over_pairs
from restorers.render import Footage
from restorers.restorer import Array, Bench, Remedy, RestorationError, Restorer
from restorers.warp import AFFINE, WARP

Floats: TypeAlias = NDArray[np.float64]

STEADY_PX = 0.05
LEAST_TRAVEL_PX = 0.5
LEAST_ZOOM_PX = 1.0
TRAVEL_SPREADS = 2.5
CERTAINTY = 2.0
GROUPS = (slice(0, 1), slice(1, 3), slice(3, len(WARP)))  # shift; rotation and shrinkage; warp


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
        """E.g. `static camera; weave 1.31 px, warp 0.42 px, of which 0.08 px cannot be told from grain`."""
        camera = "static camera" if self.period is None else f"moving camera, swings over {self.period:.0f} frames kept"
        weave, bent = _rms(self.jitter[..., : len(AFFINE)]), _rms(self.jitter[..., len(AFFINE) :])
        found = f"{camera}; weave {weave:.2f} px, warp {bent:.2f} px, told to within {self.uncertainty:.2f} px"
        return f"{found}; steady, left as found" if self.steady else found

    @property
    def jitter(self) -> Floats:
        """What of the path is not the camera's, `(T, 2, K)` pixels."""
        return np.asarray(self.path - self.course, np.float64)

    @property
    def uncertainty(self) -> float:
        """Root mean square by which a steadied frame may still be out of its place, in pixels."""
        return float(np.sqrt((self.error**2).sum()))


class Stabilization(Restorer):
    """Take out gate weave, rotation, shrinkage and warp, and keep the path of the camera."""

    kind: Literal["stabilization"] = "stabilization"
    strength: float = Field(1.0, ge=0, le=1, description="share of the weave taken out; 0 leaves the clip as found")
    camera: Literal["auto", "static", "moving"] = Field(
        "auto", description="whether the camera stood still: told from the shot, or said by who has looked at it"
    )
    warp: bool = Field(True, description="also undo smooth warping of the base, not only shift, rotation and shrinkage")

    remedy: ClassVar[type[Remedy]] = Steadying

    def examine(self, footage: Footage, bench: Bench) -> Steadying:
        """The path of the shot and what of it to take out; reads the footage two times and a sample."""
        modes = WARP if self.warp else AFFINE
        if self.strength == 0 or len(footage) < 2:
            return _left_alone(footage, modes, warped=self.warp)
        path = path_over_pairs(footage, modes, bench)
        courses = _courses(path.places, self.camera)
        if courses.static:
            path = path_over_median(footage, path.places, modes, bench)
        else:
            path = path_over_neighbors(footage, path.places, courses.values, modes, bench)
        courses = _courses(path.places, "static" if courses.static else "moving")
        jitter = path.places - courses.values
        error = np.sqrt(np.median(path.error**2, axis=0))
        share = _share(jitter, error)
        correction = self.strength * jitter * share
        return Steadying(
            first=footage.first,
            size=footage.size,
            static=courses.static,
            steady=bool(warp.largest(correction, modes).max() < STEADY_PX),
            warp=self.warp,
            path=path.places.astype(np.float32),
            course=courses.values.astype(np.float32),
            correction=correction.astype(np.float32),
            error=(error * np.sqrt(share)).astype(np.float32),
            agreement=path.agreement.astype(np.float32),
            period=courses.period,
        )


class Courses(NamedTuple):
    """The camera's part of a path, `(T, 2, K)`."""

    values: Floats
    static: bool
    period: float | None


def _courses(path: Floats, camera: Literal["auto", "static", "moving"]) -> Courses:
    if camera == "static" or (camera == "auto" and not _travels(path)):
        return Courses(np.broadcast_to(np.median(path, axis=0), path.shape), True, None)
    values = path.copy()
    period = 0.0
    for group in reversed(GROUPS):
        part = path[:, :, group]
        if part.size:
            course = trend.slow_course(part.reshape(len(path), -1))
            values[:, :, group], period = course.values.reshape(part.shape), course.period
    return Courses(values, False, period)


def _travels(path: Floats) -> bool:
    """Whether the camera moved: in shift or slope, a course explains the path better, and leads somewhere."""
    length = len(path)
    for group, least in ((GROUPS[0], LEAST_TRAVEL_PX), (GROUPS[1], LEAST_ZOOM_PX)):
        part = path[:, :, group].reshape(length, -1)
        slow, still = trend.slow_course(part), trend.constant_course(part)
        bought = part.shape[1] * (slow.freedom - still.freedom) * np.log(length)
        spread = _rms(part - slow.values)
        travel = float(np.sqrt((np.ptp(slow.values, axis=0) ** 2).sum()))
        if slow.cost + bought < still.cost and travel > max(TRAVEL_SPREADS * spread, least):
            return True
    return False


def _share(jitter: Floats, error: Floats) -> Floats:
    """Share of the jitter, `(2, K)`, that is no error of measurement; 0 for a group within twice its error."""
    found = np.asarray((jitter**2).mean(axis=0), np.float64)
    share = np.clip(1 - error**2 / np.maximum(found, 1e-12), 0, 1)
    for group in GROUPS:
        if not found[:, group].size:
            continue
        if found[:, group].sum() < CERTAINTY**2 * (error[:, group] ** 2).sum():
            share[:, group] = 0
    return share


def _rms(values: Floats) -> float:
    """Root mean square over the frames of what coefficients `(T, ...)` move."""
    return float(np.sqrt((np.asarray(values, np.float64) ** 2).sum() / len(values)))


def _left_alone(footage: Footage, modes: tuple[tuple[int, int], ...], *, warped: bool) -> Steadying:
    none = np.zeros((len(footage), 2, len(modes)), np.float32)
    return Steadying(
        first=footage.first,
        size=footage.size,
        static=False,
        steady=True,
        warp=warped,
        path=none,
        course=none,
        correction=none,
        error=none[0],
        agreement=np.ones(len(footage), np.float32),
        period=None,
    )
