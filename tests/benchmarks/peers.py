"""The peers: free tools that people use for the same work, on 8-bit sRGB frames `(T, H, W, 3)`."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

Frames: TypeAlias = NDArray[np.uint8]
Peer: TypeAlias = Callable[[Frames], Frames]

RATE = 24


class PeerFailed(RuntimeError):
    """A peer gave no frames; says its command and what it said."""


@dataclass(frozen=True)
class Ffmpeg:
    """A filter chain of ffmpeg; `{log}` in it is a scratch file that `first_pass` has written.

    `pixels` are what it reads when it is timed; frames are always RGB.
    """

    filters: str
    first_pass: str = ""
    threads: int = 2
    pixels: str = "rgb24"

    def __call__(self, frames: Frames) -> Frames:
        """The frames filtered; as many come back as went in, perhaps of another size."""
        with tempfile.TemporaryDirectory() as folder:
            raw, out = Path(folder) / "in.rgb", Path(folder) / "out.rgb"
            frames.tofile(raw)
            self._run(raw, frames.shape, ["-pix_fmt", "rgb24", "-f", "rawvideo", str(out)], folder)
            data = np.fromfile(out, np.uint8)
        scale = round((data.size / frames.size) ** 0.5)
        return data.reshape(len(frames), frames.shape[1] * scale, frames.shape[2] * scale, 3)

    def over(self, raw: Path, shape: tuple[int, ...]) -> None:
        """Filter a raw file of frames of a shape and throw the result away, to be timed."""
        with tempfile.TemporaryDirectory() as folder:
            self._run(raw, shape, ["-f", "null", "-"], folder)

    def _run(self, raw: Path, shape: tuple[int, ...], output: list[str], folder: str) -> None:
        log = f"{folder}/pass.log"
        read = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            self.pixels,
            "-s",
            f"{shape[2]}x{shape[1]}",
            "-r",
            str(RATE),
            "-i",
            str(raw),
        ]
        if self.first_pass:
            self._ffmpeg([*read, "-vf", self.first_pass.format(log=log), "-f", "null", "-"])
        self._ffmpeg([*read, "-vf", self.filters.format(log=log), *output])

    def _ffmpeg(self, arguments: list[str]) -> None:
        threads = ["-threads", str(self.threads), "-filter_threads", str(self.threads)]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error", *threads, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or ran.stderr.strip():
            raise PeerFailed(f"{' '.join(command)}\n{ran.stderr[-2000:]}")


STABILIZERS: dict[str, Ffmpeg] = {
    f"ffmpeg vidstab smoothing={smoothing}": Ffmpeg(
        f"vidstabtransform=input={{log}}:smoothing={smoothing}:optalgo=gauss:optzoom=0:crop=keep:interpol=bicubic",
        "vidstabdetect=shakiness=5:result={log}",
    )
    for smoothing in (8, 24)
}
TRIPOD: dict[str, Ffmpeg] = {
    "ffmpeg vidstab tripod": Ffmpeg(
        "vidstabtransform=input={log}:tripod=1:optalgo=gauss:optzoom=0:crop=keep:interpol=bicubic",
        "vidstabdetect=shakiness=5:tripod=1:result={log}",
    )
}
DEFLICKERS = {f"ffmpeg deflicker size={size}": Ffmpeg(f"deflicker=size={size}:mode=am") for size in (5, 10)}
DEGRAINERS = {
    "ffmpeg hqdn3d": Ffmpeg("hqdn3d"),
    "ffmpeg hqdn3d=8": Ffmpeg("hqdn3d=8:6:12:9"),
    "ffmpeg nlmeans s=3": Ffmpeg("nlmeans=s=3:p=5:r=9"),
    "ffmpeg nlmeans s=6": Ffmpeg("nlmeans=s=6:p=5:r=9"),
    "ffmpeg bm3d sigma=6": Ffmpeg("bm3d=sigma=6:block=8:bstep=4:group=8:mstep=4"),
    "ffmpeg bm3d sigma=12": Ffmpeg("bm3d=sigma=12:block=8:bstep=4:group=8:mstep=4"),
}
ENLARGERS = {
    "ffmpeg scale lanczos": Ffmpeg("scale=2*iw:2*ih:flags=lanczos+accurate_rnd+full_chroma_int"),
    "ffmpeg scale bicubic": Ffmpeg("scale=2*iw:2*ih:flags=bicubic+accurate_rnd+full_chroma_int"),
}
NORMALIZERS = {
    "ffmpeg normalize": Ffmpeg("normalize=independence=1:strength=1"),
    "ffmpeg normalize smoothing=24": Ffmpeg("normalize=independence=1:strength=1:smoothing=24"),
}
CLEANERS: dict[str, Ffmpeg] = {
    "ffmpeg removegrain=17": Ffmpeg("removegrain=17:17:17"),
    "ffmpeg atadenoise": Ffmpeg("atadenoise"),
    "ffmpeg tmedian": Ffmpeg("tpad=start=1:stop=1:start_mode=clone:stop_mode=clone,tmedian=radius=1"),
}


def temporal_median(frames: Frames) -> Frames:
    """Median of each frame and its two neighbors, without motion compensation."""
    around = np.stack([frames[[0, *range(len(frames) - 1)]], frames, frames[[*range(1, len(frames)), len(frames) - 1]]])
    return np.asarray(np.median(around, axis=0), np.uint8)


def median_and_inpainting(frames: Frames, *, threshold: int = 25) -> Frames:
    """Telea's inpainting where a frame stands out of its temporal median, the usual recipe with OpenCV."""
    median = temporal_median(frames)
    kernel = np.ones((3, 3), np.uint8)
    mended = []
    for frame, calm in zip(frames, median, strict=True):
        apart = cv2.absdiff(frame, calm).max(axis=2) > threshold
        mended.append(cv2.inpaint(frame, cv2.dilate(apart.astype(np.uint8), kernel), 3, cv2.INPAINT_TELEA))
    return np.stack(mended)


def told_inpainting(frames: Frames, masks: NDArray[np.bool_]) -> Frames:
    """Telea's inpainting that is told where the dirt is: how well it fills, apart from how well it finds."""
    kernel = np.ones((3, 3), np.uint8)
    pairs = zip(frames, masks, strict=True)
    return np.stack([cv2.inpaint(f, cv2.dilate(m.astype(np.uint8), kernel), 3, cv2.INPAINT_TELEA) for f, m in pairs])


def enlarged_by_opencv(frames: Frames, *, interpolation: int) -> Frames:
    """Twice the size."""
    return np.stack([cv2.resize(frame, None, fx=2, fy=2, interpolation=interpolation) for frame in frames])


def gray_world(frames: Frames) -> Frames:
    """OpenCV's gray-world white balance, frame by frame."""
    balance = cv2.xphoto.createGrayworldWB()
    return np.stack([balance.balanceWhite(frame) for frame in frames])
