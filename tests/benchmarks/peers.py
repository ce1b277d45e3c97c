"""The peers: free tools that people use for the same work, on 8-bit sRGB frames `(T, H, W, 3)`."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.blockmatching import BlockMatching

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


def calmers(sigma: float) -> dict[str, Peer]:
    """Filters against grain of a standard deviation in 8-bit levels, each at strengths about it; those of one frame."""
    bm3d = {f"BM3D sigma={s:g}": BlockMatching(s) for s in (sigma, 1.7 * sigma)}
    nlmeans = {
        f"ffmpeg nlmeans s={s:g}": Ffmpeg(f"format=yuv444p,nlmeans=s={s}:p=7:r=15") for s in (0.5 * sigma, 0.7 * sigma)
    }
    return bm3d | nlmeans


def temporal_calmers(sigma: float) -> dict[str, Peer]:
    """The same, of those that look at neighboring frames."""
    luma = (sigma, 2 * sigma)
    hqdn3d = {f"ffmpeg hqdn3d={s:g}": Ffmpeg(f"hqdn3d={s}:{0.75 * s}:{1.5 * s}:{1.1 * s}") for s in luma}
    spans = {f"{k:g} sigma": (k * sigma / 255, 2 * k * sigma / 255) for k in (1.0, 2.0)}
    atadenoise = {
        f"ffmpeg atadenoise {name}": Ffmpeg(
            f"atadenoise=0a={a:.4f}:0b={b:.4f}:1a={a:.4f}:1b={b:.4f}:2a={a:.4f}:2b={b:.4f}:s=7"
        )
        for name, (a, b) in spans.items()
    }
    opencv = {f"OpenCV nlmeans multi h={0.8 * sigma:g}": partial(nlmeans_over_time, strength=0.8 * sigma)}
    return hqdn3d | atadenoise | opencv


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


def nlmeans_over_time(frames: Frames, *, strength: float) -> Frames:
    """OpenCV's non-local means over five frames; the first and last two are returned as they are."""
    out = frames.copy()
    listed = list(frames)
    for index in range(2, len(frames) - 2):
        out[index] = cv2.fastNlMeansDenoisingColoredMulti(listed, index, 5, None, strength, strength, 5, 15)
    return out


def enlarged_by_opencv(frames: Frames, *, interpolation: int) -> Frames:
    """Twice the size."""
    return np.stack([cv2.resize(frame, None, fx=2, fy=2, interpolation=interpolation) for frame in frames])


def gray_world(frames: Frames) -> Frames:
    """OpenCV's gray-world white balance, frame by frame."""
    balance = cv2.xphoto.createGrayworldWB()
    return np.stack([balance.balanceWhite(frame) for frame in frames])
