"""Masters played back: the frames of a lossless file as clips, and the map of origins beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.colorspace import Space

_READ = {"protocol_whitelist": "file", "format_whitelist": "matroska"}


def clips(path: Path, space: Space, first: int) -> Iterator[Clip]:
    """Each frame of a lossless RGB master or segment, as a clip of one frame.

    Args:
        path: the file.
        space: what its codes mean.
        first: reel number of its first frame.
    """
    for number, (codes, bits) in enumerate(_pictures(path), start=first):
        frame = torch.from_numpy(codes.astype(np.float32) / np.float32(2**bits - 1)).permute(2, 0, 1)
        yield Clip(frame.unsqueeze(0), space, number)


def marks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Each frame of a map of origins, uint8 `(H, W)`."""
    for codes, _ in _pictures(path):
        yield np.asarray(codes, np.uint8)


def _pictures(path: Path) -> Iterator[tuple[NDArray[np.integer[Any]], int]]:
    with av.open(f"file:{path.absolute()}", options=_READ) as container:
        for frame in container.decode(container.streams.video[0]):
            # FFV1 keeps 8-bit RGB with an idle fourth byte, which PyAV does not unpack; leaving it out changes no code.
            layout = "rgb24" if frame.format.name == "bgr0" else frame.format.name
            codes = frame.to_ndarray(format=layout)
            bits = frame.format.components[0].bits
            yield np.ascontiguousarray(codes, np.uint8 if bits == 8 else np.uint16), bits
