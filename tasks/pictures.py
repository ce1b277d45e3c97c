"""Pictures for people: a frame, a place in it, one column of it over time. sRGB, 8 bit."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.colorspace import Space, luma

Codes: TypeAlias = NDArray[np.uint8]

COLUMN_SHARE = 240  # of the width of a frame: one column of a slice
BAND_SHARE = 4  # of its height
ROWS = 128
MOST_COLUMNS = 960
MARGIN_SHARE = 10  # of the frame on each side where no column is looked for: edges and perforations
STEEP_QUANTILE = 0.95  # dust is steeper than the picture and shall not draw the eye


@dataclass(frozen=True)
class Band:
    """A piece of one column of a frame, as shares of its width and height in [0, 1]."""

    left: float
    right: float
    top: float
    bottom: float

    def of(self, clip: Clip) -> Clip:
        """The piece cut out of every frame of a clip."""
        height, width = clip.size
        top, left = round(self.top * height), round(self.left * width)
        rows = slice(top, max(round(self.bottom * height), top + 1))
        columns = slice(left, max(round(self.right * width), left + 1))
        return replace(clip, frames=clip.frames[:, :, rows, columns], origin=clip.origin[:, rows, columns])


class Slice:
    """One column of a shot over time, gathered frame by frame: steady film gives level lines, even film an even tone.

    Args:
        band: the piece of the column.
        frames: how many frames will come; of more than 960 every second, third ... is taken.
    """

    def __init__(self, band: Band, frames: int) -> None:
        self.band, self.step = band, -(-frames // MOST_COLUMNS)
        self._columns: list[Codes] = []
        self._seen = 0

    def add(self, clip: Clip) -> None:
        """Some more frames, in any space and of any size."""
        for number in clip.numbers:
            if self._seen % self.step == 0:
                piece = codes(self.band.of(clip.between(number, number + 1)))
                rows = min(ROWS, len(piece))
                self._columns.append(np.asarray(cv2.resize(piece, (1, rows), interpolation=cv2.INTER_AREA), np.uint8))
            self._seen += 1

    @property
    def codes(self) -> Codes:
        """`(rows, frames, 3)`, red first.

        Raises:
            ValueError: no frame has come, or frames of several sizes.
        """
        return np.stack(self._columns, axis=1).reshape(len(self._columns[0]), len(self._columns), 3)


def steep_band(clip: Clip) -> Band:
    """The piece of a column where the first frame of a clip has most to show of weave: the steepest edges."""
    gray = luma(clip.between(clip.first, clip.first + 1).in_space(Space.DENSITY).frames[0])[0].cpu().numpy()
    soft = cv2.GaussianBlur(np.ascontiguousarray(gray), (0, 0), 1.5)
    steep = np.abs(np.diff(soft, axis=0, append=soft[-1:]))
    steep = np.minimum(steep, np.quantile(steep, STEEP_QUANTILE)).astype(np.float32)
    height, width = steep.shape
    column, band = max(width // COLUMN_SHARE, 1), max(height // BAND_SHARE, 1)
    around = cv2.boxFilter(steep, -1, (column, band), borderType=cv2.BORDER_REPLICATE)
    top, left = height // MARGIN_SHARE + band // 2, width // MARGIN_SHARE
    inner = around[top : max(height - top, top + 1), left : max(width - left, left + 1)]
    y, x = np.unravel_index(int(np.argmax(inner)), inner.shape)
    start, above = int(x) + left - column // 2, int(y) + top - band // 2
    return Band(start / width, (start + column) / width, above / height, (above + band) / height)


def codes(clip: Clip) -> Codes:
    """The first frame of a clip, `(H, W, 3)`, red first."""
    picture = clip.between(clip.first, clip.first + 1).in_space(Space.SRGB).frames[0].clamp(0, 1)
    return np.ascontiguousarray(np.rint(picture.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8))


def reduced(picture: Codes, width: int) -> Codes:
    """A picture no wider than `width` pixels."""
    if picture.shape[1] <= width:
        return picture
    height = max(round(picture.shape[0] * width / picture.shape[1]), 1)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(picture: Codes, *, quality: int = 92, fine_color: bool = False) -> bytes:
    """A picture as a JPEG file.

    Args:
        picture: `(H, W, 3)`, red first.
        quality: 1 to 100.
        fine_color: keep color at full resolution, for pictures whose columns have nothing to do with one another.
    """
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if fine_color else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    written, data = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), settings)
    if not written:
        raise ValueError(f"a picture {picture.shape} cannot be written as JPEG")
    return data.tobytes()


def png(picture: Codes) -> bytes:
    """A picture `(H, W, 3)`, red first, or with opacity `(H, W, 4)`, as a PNG file."""
    swapped = picture[:, :, [2, 1, 0, 3][: picture.shape[2]]]
    written, data = cv2.imencode(".png", np.ascontiguousarray(swapped), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not written:
        raise ValueError(f"a picture {picture.shape} cannot be written as PNG")
    return data.tobytes()
