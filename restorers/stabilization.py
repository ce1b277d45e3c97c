"""Take out what the gate and the decay of the base do to the picture's place; leave what the camera operator did.

Each frame is placed by a few smooth modes of the whole frame (see `path`), never followed pixel by pixel, so that what
moves in the scene moves on. What of the path is the camera's stays (see `camera`). What cannot be told from grain is
left alone.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from restorers import camera, warp
from restorers.path import path_over_median, path_over_neighbors, path_over_pairs
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, Restorer
from restorers.steadying import Steadying
from restorers.warp import AFFINE, WARP

STEADY_PX = 0.05


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
        courses = camera.parted(path.places, self.camera)
        if courses.static:
            path = path_over_median(footage, path.places, modes, bench)
        else:
            path = path_over_neighbors(footage, path.places, courses.values, modes, bench)
        courses = camera.parted(path.places, "static" if courses.static else "moving")
        jitter = path.places - courses.values
        error = np.sqrt(np.median(path.error**2, axis=0))
        share = camera.told(jitter, error)
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
