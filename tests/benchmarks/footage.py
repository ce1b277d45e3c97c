"""Footage whose truth is known, at any size: a pan or a still camera over a photograph, with a person who walks."""

from dataclasses import replace

import av
import numpy as np
import torch
from numpy.typing import NDArray

from restorers import Treatment
from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench
from tasks.demo.scenes import Scene, exposed, scenes
from tasks.media.yuv import colored

SIZES = {"480p": (480, 854), "1080p": (1080, 1920), "4K": (2160, 3840)}


def filmed(size: tuple[int, int], frames: int, *, still: bool = False, scene: int = 0) -> Clip:
    """A scene of the demo reel at a size, in density, undamaged; its camera may be made to stand still."""
    shown = scenes()[scene]
    scale = np.diag([360 / size[0], 360 / size[0], 1.0])
    camera = shown.camera

    def look(time: float) -> NDArray[np.float64]:
        return camera(0.0 if still else time) @ scale

    larger = Scene(shown.name, frames, shown.view, look, shown.actor, shown.place)
    light = torch.from_numpy(np.stack([exposed(larger, time, size) for time in range(frames)]))
    return Clip(converted(light, Space.LINEAR, Space.DENSITY), Space.DENSITY, 0)


def coded(clip: Clip) -> NDArray[np.uint8]:
    """The clip as 8-bit sRGB, `(T, H, W, 3)`."""
    shown = clip.in_space(Space.SRGB).frames.clamp(0, 1).permute(0, 2, 3, 1)
    return np.ascontiguousarray(torch.round(shown * 255).to(torch.uint8).numpy())


def decoded(codes: NDArray[np.uint8]) -> Clip:
    """8-bit sRGB frames as a clip in sRGB."""
    frames = torch.from_numpy(codes).permute(0, 3, 1, 2).to(torch.float32) / 255
    return Clip(frames.contiguous(), Space.SRGB, 0)


def restored(treatment: Treatment, codes: NDArray[np.uint8], bench: Bench) -> NDArray[np.uint8]:
    """Our own work on 8-bit sRGB frames, examination and application, as 8-bit sRGB frames."""
    source = Held(decoded(codes))
    span = Span(0, len(codes))
    found = treatment.examine(Footage(source, (span,), treatment.space, bench), bench)
    done = Footage(source, (replace(span, remedies=(found,)),), Space.SRGB, bench)
    return np.concatenate([coded(clip) for _, clip in done.windows()])


def colors(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """A decoded picture as 8-bit sRGB `(H, W, 3)`; colors that are held at half the size by our own conversion.

    swscale's quick one would leave them in squares of two pixels, which no contender should be asked for.
    """
    if frame.format.name != "yuv420p":
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return colored(np.asarray(frame.to_ndarray(), np.uint8))
