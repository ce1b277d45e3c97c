"""Worn shots and stills as the treatment finds them: examined, and calmed by their neighbors in time.

What is told of other pictures of the lesson is the truth, or near it. Of these it is what an examination makes of them:
grain that a codec took half of is measured as what is left, fur is taken for grain, flow goes astray. The camera and
something before it move by whole pixels of the large picture, so that nothing is softened on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.detail.course import Courses
from restorers.detail.fusion import REACH, averaged
from restorers.detail.grain import Floats
from restorers.enhancing.diagnosis import diagnosed
from restorers.enhancing.drawing import brightness
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench
from restorers.training.degradation import EDGE, FINEST_QUANTIZER, Coder, Codes, Mishap, reduced, scanned
from restorers.training.photographs import Photograph
from restorers.training.scenery import blob

LENGTH = 2 * REACH + 2  # frames, so that two neighbors have all of theirs
COARSEST = 36  # quantizer: of coarser ones little is left to learn from
PACE = 5.0  # pixels of the small picture that the camera moves by in a frame, at most
LONE = 0.35  # share of stills
GRAY = 0.3  # share in black and white
CODED = 0.6  # share of the shots that were coded
CLEAN = 0.35  # share without any noise: what is measured of these is texture


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a shot, as the enhancer is shown it, and the truth.

    Attributes:
        calm: brightness, as its neighbors calmed it, `(h, w, 3)`; as found, where it stands alone.
        found: brightness, as found, `(h, w, 3)`.
        noise: standard deviation of the noise that is left, as measured, brightness, `(h, w)`.
        truth: brightness, `(scale h, scale w, 3)`.
        offset: where on the photograph its corner lies, pixels of the large picture.
    """

    calm: Floats
    found: Floats
    noise: Floats
    truth: Floats
    offset: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Examined:
    """A shot that was examined.

    Attributes:
        frames: a still, or two neighbors.
        blur: that it has, pixels of the small picture.
        coding: what was measured of coding, brightness.
    """

    frames: tuple[Frame, ...]
    blur: float
    coding: float


def examined(chance: np.random.Generator, photographs: Sequence[Photograph], scale: int, coder: Coder) -> Examined:
    """A shot or a still of photographs, worn and examined.

    Args:
        chance: decides everything.
        photographs: 8-bit sRGB, `(H, W, 3)`.
        scale: how many times smaller it is filmed.
        coder: runs a codec on frames.
    """
    length = 1 if chance.random() < LONE else LENGTH
    large, offsets = _filmed(chance, photographs, scale, length)
    mishap = _worn(chance, coded=length == 1)
    small = [scanned(chance, _edged(reduced(frame, scale, mishap.blur)), mishap).picture for frame in large]
    codes = np.stack([np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8) for frame in small])
    if length > 1 and chance.random() < CODED:
        codec = "mpeg2" if chance.random() < 0.25 else "h264"
        codes = coder(codes, codec, int(chance.integers(FINEST_QUANTIZER, COARSEST + 1)))
    return _seen(_density(codes), large, offsets, mishap.blur)


def _seen(frames: torch.Tensor, large: list[Floats], offsets: list[tuple[int, int]], blur: float) -> Examined:
    """What the treatment makes of frames, density `(T, 3, h, w)`."""
    clip, bench, length = Clip(frames, Space.DENSITY, 0), Bench(), len(frames)
    found = diagnosed(Footage(Held(clip), (Span(0, length),), Space.DENSITY), bench, blurred=False)
    courses = Courses.of(clip, bench) if length > 1 and found.noisy else None
    kept = []
    for number in (0,) if length == 1 else (REACH, REACH + 1):
        calm, share = clip[number], torch.ones(clip.size)
        if courses is not None:
            calm, share, _ = averaged(clip, number, courses, found.grain)
        noise = torch.as_tensor(found.condition(calm, share).noise).expand(clip.size)
        truth = brightness(_density(np.rint(large[number] * 255).astype(np.uint8)[None])[0])
        shown, before = (_picture(brightness(each)) for each in (calm, clip[number]))
        kept.append(Frame(shown, before, noise.numpy().copy(), _picture(truth), offsets[number]))
    return Examined(tuple(kept), blur, found.coding)


def _worn(chance: np.random.Generator, *, coded: bool) -> Mishap:
    """What happens to its frames."""
    mishap = Mishap.drawn(chance)
    if chance.random() < CLEAN:
        return replace(mishap, noise=0.0, calmed=False, jpeg=(), rounded=True)
    noise = 0.004 + 0.1 * float(chance.random()) ** 1.5
    shape = mishap.shape if mishap.noise else "film"
    clump = mishap.clump or float(chance.choice((0.0, 0.6)))
    jpeg = (int(chance.integers(30, 96)),) if coded and chance.random() < CODED else ()
    return replace(mishap, noise=noise, shape=shape, clump=clump, calmed=False, jpeg=jpeg, rounded=True)


def _filmed(
    chance: np.random.Generator, photographs: Sequence[Photograph], scale: int, length: int
) -> tuple[list[Floats], list[tuple[int, int]]]:
    """Frames of brightness `(H, W, 3)`, and where their corners lay; sides are multiples of 16 small pixels."""
    ground, skin = (_light(photographs[int(n)]) for n in chance.choice(len(photographs), 2, replace=False))
    if chance.random() < GRAY:
        ground, skin = (np.asarray(np.repeat(each.mean(2, keepdims=True), 3, 2)) for each in (ground, skin))
    slack = 32 if length > 1 else 0
    size = tuple((side - slack) // (16 * scale) * 16 * scale for side in ground.shape[:2])
    room = np.array(ground.shape[:2]) - size
    pace = chance.uniform(-1, 1, 2) * min(PACE * scale, float(room.min()) / length)
    times = np.arange(length)[:, None] - (length - 1) / 2
    places = np.clip(np.rint(room / 2 + pace * times), 0, room).astype(int)
    radius = float(chance.uniform(0.08, 0.3)) * min(size)
    side = int(4 * radius) // 2 * 2
    shape = blob(chance, radius, side)
    skin = np.asarray(cv2.resize(skin, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    course = chance.uniform(0, 1, 2) * size + chance.uniform(-2, 2, 2) * PACE * scale * times - side / 2
    frames = []
    for (y, x), (top, left) in zip(places, np.rint(course).astype(int), strict=True):
        frame = ground[y : y + size[0], x : x + size[1]]
        frames.append(_before(frame, skin, shape, int(top), int(left)) if length > 1 else frame)
    return frames, [(int(y), int(x)) for y, x in places]


def _before(frame: Floats, skin: Floats, shape: Floats, top: int, left: int) -> Floats:
    """A frame with something before it."""
    place = np.array([[1, 0, left], [0, 1, top]], np.float64)
    size = frame.shape[1::-1]
    before, cover = (cv2.warpAffine(each, place, size, flags=cv2.INTER_NEAREST) for each in (skin, shape))
    return np.asarray(frame * (1 - cover[..., None]) + before * cover[..., None], np.float32)


def _edged(small: Floats) -> Floats:
    """With as much around it as `scanned` takes off."""
    return np.asarray(cv2.copyMakeBorder(small, EDGE, EDGE, EDGE, EDGE, cv2.BORDER_REFLECT_101), np.float32)


def _density(codes: Codes) -> torch.Tensor:
    """Density `(T, 3, h, w)` of 8-bit sRGB `(T, h, w, 3)`."""
    light = torch.from_numpy(np.ascontiguousarray(codes.transpose(0, 3, 1, 2))).float() / 255
    return converted(light, Space.SRGB, Space.DENSITY)


def _picture(planes: torch.Tensor) -> Floats:
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())


def _light(codes: Photograph) -> Floats:
    return np.asarray(codes.astype(np.float32) / 255, np.float32)
