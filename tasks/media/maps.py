"""Maps that come with a scan: listed before any work, and read frame by frame, their digests checked every time.

Infrared maps are there for every frame of a scan; marks made by hand only for those that somebody marked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from manifests.reel import FOURTH_CHANNEL, Reel
from tasks.media import Altered, MediaError, Unreadable, stills
from tasks.media.index import ScanIndex
from tasks.media.probe import listing
from tasks.media.vault import resolve

What = Literal["infrared", "masks"]
SHOWN = 20
GRAY_ALPHA, RGBA = 2, 4  # channels


class MapEntry(BaseModel):
    """The map of one frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=0, description="reel number of the frame")
    file: str = Field(description="path relative to its vault root")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file")


class MapIndex(BaseModel):
    """The maps of one kind that come with a scan; kept in the store as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: What
    fourth: bool = Field(False, description="they are the fourth channel of the scan's own files")
    width: int
    height: int
    maps: tuple[MapEntry, ...]

    def digest(self, first: int, stop: int) -> str:
        """sha256 over the numbers and digests of the maps of the frames first <= n < stop; empty if none has one."""
        there = [f"{each.number} {each.digest}" for each in self.maps if first <= each.number < stop]
        return hashlib.sha256("\n".join(there).encode()).hexdigest() if there else ""


@dataclass(frozen=True)
class MapSource:
    """Maps of one kind, read from a vault."""

    index: MapIndex
    roots: tuple[Path, ...]

    def read(self, number: int) -> NDArray[np.float32] | None:
        """The map of a frame, `(H, W)`, 0 to 1; None where it has none.

        Raises:
            Altered: the file is no longer what was listed.
            Unreadable: it cannot be decoded.
        """
        entry = next((each for each in self.index.maps if each.number == number), None)
        if entry is None:
            return None
        path = resolve(entry.file, self.roots)
        try:
            if _digest(path) != entry.digest:
                raise Altered("is no longer what it was when it was listed; take the reel in again")
            return plane(path, self.index)
        except (MediaError, OSError) as error:
            kind = type(error) if isinstance(error, MediaError) else Unreadable
            raise kind(f"{self.index.what} of frame {number} ({entry.file}): {error}") from error


def listed(reel: Reel, scan: ScanIndex, roots: Sequence[Path]) -> dict[What, MapIndex]:
    """The maps that a manifest names, by kind.

    Raises:
        MediaError: maps are not there, cannot be read, or are not of the frames' size; says all of it.
    """
    found: dict[What, MapIndex] = {}
    if reel.scan.infrared == FOURTH_CHANNEL:
        found["infrared"] = _fourth(reel, scan, roots)
    elif reel.scan.infrared is not None:
        found["infrared"] = _sequence(reel, reel.scan.infrared, "infrared", scan, roots)
        there = {each.number for each in found["infrared"].maps}
        missing = [frame.number for frame in scan.frames if frame.number not in there]
        if missing:
            raise MediaError(
                f"reel {reel.id}: {len(missing)} of {len(scan.frames)} frames have no infrared map, the first is frame "
                f"{missing[0]} ({reel.scan.infrared})"
            )
    if reel.masks is not None:
        found["masks"] = _sequence(reel, reel.masks, "masks", scan, roots)
    return found


def plane(path: Path, index: MapIndex) -> NDArray[np.float32]:
    """A map as it is in its file, `(H, W)`, 0 to 1; of masks in color the brightest channel counts.

    Raises:
        Unreadable: it cannot be decoded, is of another size, or is an infrared map in color.
    """
    image = _opened(path)
    try:
        first, last = _channels(image.spec(), index)
        pixels = image.read_image(0, 0, first, last, "float")
        if pixels is None or image.has_error:
            raise Unreadable(f"cannot be decoded: {image.geterror()}")
    finally:
        image.close()
    values = np.asarray(pixels, np.float32).reshape(index.height, index.width, last - first)
    if index.what == "infrared" and not (values == values[..., :1]).all():
        raise Unreadable("is in color: an infrared map is gray")
    return np.ascontiguousarray(values.max(axis=2))


def _opened(path: Path) -> Any:
    image = OpenImageIO.ImageInput.open(str(path))
    if image is None:
        raise Unreadable(f"cannot be opened: {OpenImageIO.geterror()}")
    return image


def _channels(spec: Any, index: MapIndex) -> tuple[int, int]:
    """First channel of a file that is a map, and the one behind the last."""
    if (spec.height, spec.width) != (index.height, index.width):
        raise Unreadable(f"is {spec.width}x{spec.height} pixels, but the frames are {index.width}x{index.height}")
    if index.fourth:
        if spec.nchannels != RGBA:
            raise Unreadable(f"has {spec.nchannels} channels; the fourth of {RGBA} holds the infrared map")
        return RGBA - 1, RGBA
    return 0, min(spec.nchannels, 3) if spec.nchannels > GRAY_ALPHA else 1


def _sequence(reel: Reel, pattern: str, what: What, scan: ScanIndex, roots: Sequence[Path]) -> MapIndex:
    numbers = {frame.number for frame in scan.frames}
    files = listing(reel.scan.model_copy(update={"frames": pattern}), roots)
    entries = tuple(
        MapEntry(number=each.number, file=each.file, digest=_digest(each.path))
        for each in files
        if each.number in numbers
    )
    index = MapIndex(what=what, width=scan.width, height=scan.height, maps=entries)
    return _sound(reel, index, roots)


def _fourth(reel: Reel, scan: ScanIndex, roots: Sequence[Path]) -> MapIndex:
    entries = tuple(MapEntry(number=frame.number, file=frame.file, digest=frame.digest) for frame in scan.frames)
    header = stills.header(resolve(scan.frames[0].file, roots)) if scan.format not in {"dpx", "movie"} else None
    if header is None or header.channels != RGBA:
        raise MediaError(f"reel {reel.id}: its scan has no fourth channel that could hold infrared maps")
    return MapIndex(what="infrared", fourth=True, width=scan.width, height=scan.height, maps=entries)


def _sound(reel: Reel, index: MapIndex, roots: Sequence[Path]) -> MapIndex:
    """The index, once every header has been looked at, and the first map decoded."""
    faults = []
    for each in index.maps:
        path = resolve(each.file, roots)
        try:
            if each is index.maps[0]:
                plane(path, index)
            else:
                _looked_at(path, index)
        except MediaError as error:
            faults.append(f"{index.what} of frame {each.number} ({each.file}) {error}")
    if faults:
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise MediaError("\n  ".join([f"reel {reel.id}: maps cannot be used:", *faults[:SHOWN]]) + more)
    return index


def _looked_at(path: Path, index: MapIndex) -> None:
    image = _opened(path)
    try:
        _channels(image.spec(), index)
    finally:
        image.close()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
