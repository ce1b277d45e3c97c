"""Take out what the gate and the decay of the base do to the picture's place; leave what the camera operator did.

Each frame is placed by a few smooth modes of the whole frame (see `path`), never followed pixel by pixel, so that what
moves in the scene moves on. What the perforations tell, where they are seen, and frames that jump are taken out first
(see `perforations`, `jumps`); what of the rest is the camera's stays (see `camera`). What cannot be told from grain is
left alone.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from restorers.geometry import warp
from restorers.geometry.warp import AFFINE, WARP
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, RestorationError, Restorer
from restorers.steadiness import camera, jumps, perforations
from restorers.steadiness.aperture import Inside, extension, restriction
from restorers.steadiness.path import path_over_neighbors, path_over_pairs, path_over_still
from restorers.steadiness.steadying import Steadying, covering_zoom

STEADY_PX = 0.05


class Stabilization(Restorer):
    """Take out gate weave, rotation, shrinkage and warp, and keep the path of the camera."""

    kind: Literal["stabilization"] = "stabilization"
    strength: float = Field(1.0, ge=0, le=1, description="share of the weave taken out; 0 leaves the clip as found")
    camera: Literal["auto", "static", "moving"] = Field(
        "auto", description="whether the camera stood still: told from the shot, or said by who has looked at it"
    )
    weave: Literal["auto", "present"] = Field(
        "auto",
        description="whether the film was shaken at all, beyond what the camera did: told from the shot, or known to "
        "be so by who has looked at it, e.g. of a film shot by hand that is left as found but weaves",
    )
    warp: bool = Field(True, description="also undo smooth warping of the base, not only shift, rotation and shrinkage")

    reference: Literal["auto", "picture", "perforations"] = Field(
        "auto", description="what tells the machine's part: perforations where the scan shows any, or the picture alone"
    )

    borders: Literal["fill", "repeat", "crop"] = Field(
        "fill",
        description="what is shown where a frame that is put back has nothing: what up to two neighbors each side show "
        "there, or the edge repeated where none agrees with the frame; or always the edge repeated; or crop: each shot "
        "is enlarged just enough that no border is seen, at the size the frames have, for all shots of a reel share it",
    )

    remedy: ClassVar[type[Remedy]] = Steadying
    revision: ClassVar[int] = 5

    def examine(self, footage: Footage, bench: Bench) -> Steadying:
        """The path of the shot and what of it to take out; reads the footage once to three times and a sample.

        Raises:
            RestorationError: perforations are to be the reference, but the shot shows none.
        """
        modes = WARP if self.warp else AFFINE
        if self.strength == 0 or len(footage) < 2:
            return _left_alone(footage, modes, warped=self.warp)
        film = self._film(footage, bench)
        shown = footage if film is None else Inside.of(footage, film.opening)
        still = path_over_still(shown, modes, bench)
        path = path_over_pairs(shown, modes, bench) if still is None else still
        machine = np.zeros_like(path.places)
        if film is not None:
            machine[:, :, : len(AFFINE)] = film.places @ restriction(film.opening, footage.size).T
        jumped = jumps.found(shown, path.places[:, :, 0] - machine[:, :, 0], film and film.pitch)
        machine[:, :, 0] += jumps.offsets(jumped, footage.first, len(footage))
        courses = camera.parted(path.places - machine, self.camera)
        if still is None:
            path = path_over_neighbors(shown, path.places, courses.values, modes, bench)
            courses = camera.parted(path.places - machine, "static" if courses.static else "moving")
        jitter = camera.plausible(path.places - machine - courses.values)
        error = np.sqrt(np.median(path.error**2, axis=0))
        weaving = self.weave == "present" or camera.weaving(path.places - machine, path.error)
        share = camera.told(jitter, error) * weaving
        whole = np.eye(len(modes)) if film is None else extension(modes, film.opening, footage.size)
        correction = self.strength * (machine + jitter * share) @ whole.T
        return Steadying(
            first=footage.first,
            size=footage.size,
            static=courses.static,
            weaving=weaving,
            steady=bool(warp.largest(correction, modes).max() < STEADY_PX),
            warp=self.warp,
            path=(path.places @ whole.T).astype(np.float32),
            course=(courses.values @ whole.T).astype(np.float32),
            correction=correction.astype(np.float32),
            error=np.sqrt(error**2 * share @ (whole**2).T).astype(np.float32),
            agreement=path.agreement.astype(np.float32),
            period=courses.period,
            borders=self.borders,
            zoom=covering_zoom(correction, modes, footage.size) if self.borders == "crop" else 1.0,
            reference="the picture" if film is None else film.said,
            jumps=jumped if film is None else jumps.merged(jumped, jumps.found(footage, film.places[:, :, 0])),
        )

    def _film(self, footage: Footage, bench: Bench) -> perforations.FilmPath | None:
        film = None if self.reference == "picture" else perforations.found(footage, bench)
        if film is None and self.reference == "perforations":
            raise RestorationError(
                f"frames {footage.first}-{footage.stop - 1} show no perforations to be steadied by: scan the film with "
                "its edges, or set the reference of stabilization to auto or picture"
            )
        return film


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
