"""Where files of film become numbers and numbers become files again; scans are only ever opened for reading.

Errors: MediaError(ValueError), a file cannot be used as asked
        ├── OutsideVault(MediaError), a path is not under a vault root, or leaves it
        ├── Unreadable(MediaError), a file is of a flavor that is refused; says which property and why
        ├── Altered(MediaError), a frame's bytes are no longer those that were indexed
        └── ScanFaults(MediaError), everything a scan's headers have against it, at once, in `faults`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["gaps", "fps-mismatch", "size-change", "truncated", "unreadable"]
_SHOWN = 100


class MediaError(ValueError):
    """A file cannot be used as asked; says which one, what was found and what was expected."""


class OutsideVault(MediaError):
    """A path does not lie under a declared vault root."""


class Unreadable(MediaError):
    """A file is of a flavor that cannot be read exactly; says which property made it so."""


class Altered(MediaError):
    """A frame of the scan is no longer what it was when the scan was indexed."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a scan, on one frame or a run of frames.

    Attributes:
        kind: what a manifest's `scan.allow` would call it; `unreadable` can never be allowed.
        first: reel number of the first frame it concerns.
        last: reel number of the last one, inclusive.
        file: path of the first one, relative to its vault root.
        found: what was found, what was expected, what to do.
        allowable: whether the scan can still be decoded exactly, so that a person may accept it.
    """

    kind: FaultKind
    first: int
    last: int
    file: str
    found: str
    allowable: bool = True

    def __str__(self) -> str:
        frames = f"frame {self.first}" if self.first == self.last else f"frames {self.first}-{self.last}"
        return f"{frames} ({self.file}): {self.kind}: {self.found}"


class ScanFaults(MediaError):
    """A scan is refused; `faults` holds every reason."""

    def __init__(self, reel: str, faults: Sequence[Fault]) -> None:
        self.reel = reel
        self.faults = tuple(faults)
        lines = [f"reel {reel}, {fault}" for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            lines.append(f"... and {len(self.faults) - _SHOWN} more")
        count = f"{len(self.faults)} fault{'s' if len(self.faults) > 1 else ''}"
        super().__init__("\n  ".join([f"the scan of reel {reel} is refused for {count}:", *lines]))

    def __reduce__(self) -> tuple[type["ScanFaults"], tuple[str, tuple[Fault, ...]]]:
        return type(self), (self.reel, self.faults)
