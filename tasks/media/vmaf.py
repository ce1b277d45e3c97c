"""VMAF of one picture sequence against another, by the libvmaf inside the ffmpeg that writes our masters.

Li, Aaron, Katsavounidis, Moorthy, Manohara, Toward A Practical Perceptual Video Quality Metric, Netflix 2016; model
vmaf_v0.6.1. It was trained on compressed video: it takes grain for a flaw and sharpening for a virtue, and gives equal
pictures 97 to 100. Both frames of a pair go down one pipe side by side, so that nothing is written to disk.
"""

import json
from fractions import Fraction
from types import TracebackType
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field

from restorers.clip import Clip
from restorers.colorspace import Space
from tasks.media.ffmpeg import Ffmpeg

MODEL = "vmaf_v0.6.1"
SMALLEST = 32  # pixels; the features halve the picture four times


class Vmaf(BaseModel):
    """VMAF of a sequence, 0 to 100."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    harmonic_mean: float
    worst: float = Field(description="the lowest frame")
    frames: int
    model: str = MODEL
    version: str = Field(description="of libvmaf")


class VmafMeter:
    """Takes frames as they come, reference and tested; ffmpeg is stopped if its block is left before `finished`."""

    def __init__(self, size: tuple[int, int], fps: Fraction, *, threads: int = 1) -> None:
        """Prepare for frames of one size.

        Args:
            size: height and width of both, in pixels.
            fps: frames a second.
            threads: of libvmaf.

        Raises:
            ValueError: the frames are too small for VMAF.
        """
        if min(size) < SMALLEST:
            raise ValueError(f"VMAF needs frames of at least {SMALLEST} x {SMALLEST} pixels, not {size[1]} x {size[0]}")
        self._size = size
        self._frames = 0
        # Libvmaf reads luma alone; 4:4:4 keeps odd sizes possible.
        video = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le"
        graph = (
            "[0:v]split[a][b];"
            f"[a]crop=iw/2:ih:0:0,{video}[reference];[b]crop=iw/2:ih:iw/2:0,{video}[tested];"
            f"[tested][reference]libvmaf=model=version={MODEL}:log_fmt=json:log_path=/dev/stdout:n_threads={threads}"
        )
        self._ffmpeg = Ffmpeg(
            [
                *("-f", "rawvideo", "-pixel_format", "rgb48le", "-video_size", f"{2 * size[1]}x{size[0]}"),
                *("-framerate", str(fps), "-i", "pipe:0", "-lavfi", graph, "-f", "null", "-"),
            ]
        )

    def __enter__(self) -> Self:
        self._ffmpeg.__enter__()
        return self

    def add(self, reference: Clip, tested: Clip) -> None:
        """Some more frames of both, in any space that a display or a scan has.

        Raises:
            ValueError: the clips do not hold the same frames at the meter's size.
            EncodeError: ffmpeg ended or stalled.
        """
        if reference.numbers != tested.numbers or {reference.size, tested.size} != {self._size}:
            raise ValueError(
                f"VMAF compares the same frames at {self._size}: not frames {reference.first}-{reference.stop - 1} "
                f"of {reference.size} with {tested.first}-{tested.stop - 1} of {tested.size}"
            )
        pair = torch.cat([clip.in_space(Space.REC709).frames for clip in (reference, tested)], dim=3)
        codes = torch.round(torch.clamp(pair, 0, 1) * 65535).to(torch.uint16).permute(0, 2, 3, 1)
        for frame in codes.cpu().numpy():
            self._ffmpeg.write(frame.astype("<u2", copy=False).tobytes())
        self._frames += len(reference)

    def finished(self) -> Vmaf:
        """The score of all frames.

        Raises:
            ValueError: there were no frames.
            EncodeError: ffmpeg failed.
        """
        output = self._ffmpeg.finish()
        if not self._frames:
            raise ValueError("without frames there is no VMAF")
        report = json.loads(output)
        pooled = report["pooled_metrics"]["vmaf"]
        return Vmaf(
            mean=pooled["mean"],
            harmonic_mean=pooled["harmonic_mean"],
            worst=pooled["min"],
            frames=len(report["frames"]),
            version=report["version"],
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ffmpeg.__exit__(kind, error, at)
