"""How far a restoration may go from the scan: a promise, held for every pixel that is delivered."""

from enum import StrEnum

import torch

from restorers.clip import Clip, Origin
from restorers.restorer import RestorationError
from restorers.synthesis import Tally, described


class Profile(StrEnum):
    """How far a restoration may go from the scan."""

    RESTORATION = "restoration"
    FIDELITY = "fidelity"
    FORENSIC = "forensic"

    @property
    def forbidden(self) -> tuple[Origin, ...]:
        """The classes that no pixel may be of."""
        match self:
            case Profile.RESTORATION:
                return ()
            case Profile.FIDELITY:
                return Origin.GRAIN, Origin.REGRAINED, Origin.INTERPOLATED, Origin.GENERATED
            case Profile.FORENSIC:
                return tuple(each for each in Origin if each is not Origin.UNTOUCHED)

    def check(self, clip: Clip) -> None:
        """Let a restored clip pass, or not.

        Raises:
            RestorationError: a pixel is of a class that the profile forbids; says which, and where the first one lies.
        """
        if not self.forbidden:
            return
        for number, origin in zip(clip.numbers, clip.origin, strict=True):
            for mark in Tally.of(origin).marks:
                if Origin.of(mark) in self.forbidden:
                    y, x = torch.nonzero(origin == mark)[0].tolist()
                    raise RestorationError(
                        f"frame {number}, row {y}, column {x}: the pixel is {described(mark)}, which the profile "
                        f"{self.value} forbids; nothing was delivered"
                    )

    def proof(self, tally: Tally) -> str:
        """What the tally of a delivered reel says of the promise, e.g. `fidelity: 0 of 81 pixels interpolated ...`."""
        broken = tally.count(*self.forbidden) if self.forbidden else tally.count(Origin.INTERPOLATED, Origin.GENERATED)
        match self:
            case Profile.FORENSIC:
                words = "differ from the scan"
            case Profile.FIDELITY:
                words = "generated, interpolated or of another grain"
            case Profile.RESTORATION:
                words = "generated or interpolated"
        return f"{self.value}: {broken:,} of {tally.pixels:,} pixels {words}"
