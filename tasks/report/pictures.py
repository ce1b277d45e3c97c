"""Pictures as the page carries them: inside it, and small enough that a reel of a thousand shots still opens."""

import base64
from typing import NamedTuple

import cv2
import numpy as np

from tasks.pictures import jpeg, reduced
from tasks.report.layers import Picture


class Room(NamedTuple):
    """How wide pictures of a reel may be, in pixels."""

    frame: int
    mesh: int


def room(shots: int) -> Room:
    """How wide the pictures of a reel of so many shots are: the more shots, the smaller."""
    if shots <= 50:
        return Room(frame=960, mesh=480)
    if shots <= 250:
        return Room(frame=480, mesh=320)
    return Room(frame=256, mesh=160)


def uri(picture: Picture, width: int | None = None) -> str:
    """A picture as a data URI; JPEG and PNG files that are no wider are taken as they are.

    Raises:
        ValueError: bytes that are neither.
    """
    if isinstance(picture, bytes):
        kind = _kind(picture)
        if width is None:
            return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
        codes = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if codes is None or codes.shape[1] <= width:
            return uri(picture)
        picture = np.asarray(codes[:, :, ::-1], np.uint8)
        return uri(jpeg(reduced(picture, width), quality=70))
    return uri(jpeg(picture if width is None else reduced(picture, width)))


def _kind(picture: bytes) -> str:
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
    kind = next((kind for magic, kind in kinds.items() if picture.startswith(magic)), None)
    if kind is None:
        raise ValueError("a report shows JPEG and PNG files, and these bytes are neither")
    return kind
