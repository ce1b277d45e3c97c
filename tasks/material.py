"""What a network learns from: the pictures, films and shapes of damage in a person's folders."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
FILMS = (".avi", ".mkv", ".mov", ".mp4")
SCENE = 6  # frames of a film that are taken together
EVERY = 12  # frames of a film, from one scene to the next
LINES = 540  # that a scene has at most


class Untrainable(ValueError):
    """A network cannot be trained as asked; says what was found and what is wanted."""


@dataclass(frozen=True)
class Material:
    """What a network learns from.

    Attributes:
        photographs: 8-bit sRGB, `(h, w, 3)`.
        films: scenes of each film in their order, gray, `(6, h, w)`, of no more than 540 lines.
        shapes: of damage, `(h, w)`; of those in a folder every second one, the others are left to judge by.
        sha256: of all that was read.
    """

    photographs: tuple[NDArray[np.uint8], ...]
    films: tuple[tuple[NDArray[np.uint8], ...], ...]
    shapes: tuple[NDArray[np.bool_], ...]
    sha256: str

    @classmethod
    def of(cls, pictures: Path, films: Path | None = None, shapes: Path | None = None) -> "Material":
        """All that is in some folders and the folders in them, in the order of the paths.

        Raises:
            Untrainable: a folder holds nothing of its kind, or something that cannot be read.
        """
        sums = hashlib.sha256()
        photographs = tuple(
            np.ascontiguousarray(_picture(path, cv2.IMREAD_COLOR, sums)[..., ::-1]) for path in _files(pictures)
        )
        scenes = tuple(_scenes(path, sums) for path in _files(films, FILMS)) if films else ()
        drawn = tuple(_shape(_picture(path, cv2.IMREAD_UNCHANGED, sums)) for path in _halved(shapes)) if shapes else ()
        return cls(photographs, scenes, drawn, sums.hexdigest())


def _files(folder: Path, kinds: Sequence[str] = PICTURES) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    if not found:
        raise Untrainable(f"{folder} holds no file of the kinds wanted ({', '.join(kinds)})")
    return found


def _halved(folder: Path) -> list[Path]:
    """Every second file of each folder."""
    beside: dict[Path, list[Path]] = {}
    for path in _files(folder):
        beside.setdefault(path.parent, []).append(path)
    return [path for _, paths in sorted(beside.items()) for path in paths[::2]]


def _picture(path: Path, flag: int, sums: "hashlib._Hash") -> NDArray[np.uint8]:
    data = path.read_bytes()
    sums.update(data)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if picture is None or picture.dtype != np.uint8:
        raise Untrainable(f"{path} cannot be read as a picture of 8 bits")
    return np.asarray(picture, np.uint8)


def _scenes(path: Path, sums: "hashlib._Hash") -> tuple[NDArray[np.uint8], ...]:
    sums.update(path.read_bytes())
    scenes: list[list[NDArray[np.uint8]]] = []
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % EVERY == 0:
                    scenes.append([])
                if number % EVERY < SCENE:
                    scenes[-1].append(_lowered(np.asarray(frame.to_ndarray(format="gray"), np.uint8)))
    except (av.FFmpegError, IndexError) as error:
        raise Untrainable(f"{path} cannot be read as a film: {error}") from error
    return tuple(np.stack(scene) for scene in scenes if len(scene) == SCENE)


def _lowered(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    lines = frame.shape[0]
    if lines <= LINES:
        return frame
    size = round(frame.shape[1] * LINES / lines), LINES
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shape(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    plane = picture if picture.ndim == 2 else picture[..., 3] if picture.shape[2] == 4 else picture.max(2)
    return np.asarray(plane > 127)
