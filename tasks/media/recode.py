"""Frames as a lossy codec leaves them: coded and decoded in memory, for networks that learn to undo it.

Colors become planes and colors again as where films are read (`yuv`). Networks that learned from swscale's quick ways
had learned these: held for coded was what had color in squares of two pixels, and that was what was undone.
"""

import io
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tasks.media.yuv import colored, subsampled

CODECS = {"h264": "libx264", "mpeg2": "mpeg2video"}
RATE = 24


def recoded(frames: NDArray[np.uint8], codec: str, quantizer: int) -> NDArray[np.uint8]:
    """Frames as they come out of a codec, the same number of them.

    Args:
        frames: 8-bit, `(T, h, w, 3)`, sides even.
        codec: `h264` (quantizer: its constant rate factor) or `mpeg2` (20 to 42 stand for steps 2 to 24, less for 2).
        quantizer: larger is coarser.

    Raises:
        ValueError: the codec is another, or it lost frames.
    """
    if codec not in CODECS:
        raise ValueError(f"frames are coded with {' or '.join(CODECS)}, not {codec!r}")
    file = io.BytesIO()
    with av.open(file, mode="w", format="matroska") as written:
        step = str(max(quantizer - 18, 2))
        # x264's macroblock tree reads what is left in memory: with it, frames would come out now so, now otherwise.
        sure = {"crf": str(quantizer), "x264-params": "mbtree=0"}
        options = sure if codec == "h264" else {"qmin": step, "qmax": step}
        stream = cast("VideoStream", written.add_stream(CODECS[codec], rate=RATE, options=options))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(subsampled(frame), format="yuv420p")
            picture.pts = number
            written.mux(stream.encode(picture))
        written.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, mode="r") as read:
        decoded = [colored(np.asarray(frame.to_ndarray(), np.uint8)) for frame in read.decode(video=0)]
    if len(decoded) != len(frames):
        raise ValueError(f"{codec} gave {len(decoded)} frames for {len(frames)}")
    return np.stack(decoded)
