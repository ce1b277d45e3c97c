"""Clips through H.264 and back, as video is found: x264 at a constant rate factor, 4:2:0, BT.709, 8 bits."""

import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from tests.benchmarks.peers import RATE, Frames, PeerFailed

EXACT = "flags=bicubic+accurate_rnd+full_chroma_int"
TO_VIDEO = f"scale=out_color_matrix=bt709:out_range=tv:{EXACT},format=yuv420p"
FROM_VIDEO = f"scale=in_color_matrix=bt709:in_range=tv:{EXACT},format=rgb24"


def compressed(frames: Frames, crf: int, *, preset: str = "medium") -> Frames:
    """8-bit sRGB frames `(T, H, W, 3)` as they come out of a file that was written at that rate factor.

    Raises:
        PeerFailed: ffmpeg failed; says its command and what it said.
    """
    count, height, width = frames.shape[:3]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24")
    with tempfile.TemporaryDirectory() as folder:
        given, film, back = (Path(folder) / name for name in ("in.rgb", "film.mp4", "out.rgb"))
        frames.tofile(given)
        codec = ("-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-threads", "1")
        _ffmpeg(*raw, "-s", f"{width}x{height}", "-r", str(RATE), "-i", given, "-vf", TO_VIDEO, *codec, film)
        _ffmpeg("-i", film, "-vf", FROM_VIDEO, "-f", "rawvideo", back)
        return np.fromfile(back, np.uint8).reshape(count, height, width, 3)


def _ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PeerFailed(f"{' '.join(command)}\n{ran.stderr[-2000:]}")
