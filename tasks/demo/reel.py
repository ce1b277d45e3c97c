"""Making the demo reel on the spot: scenes, aged, as the 10-bit log DPX frames a scanner would have given.

What the reel looked like before it aged, and what was done to it, is kept beside it under `truth/`, so that a
restoration can be measured against it. Made twice, the files are the same byte for byte.
"""

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813  # as its own manual writes it
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

import manifests
from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.damage import Aged, Aging, aged
from restorers.restorer import Bench
from tasks.demo.scenes import Scene, exposed, scenes

REEL = "demo"
FIRST = 86400  # an hour at 24 frames a second: reel numbers and time code agree
FPS = Fraction(24)
MARGIN = 12
WINDOW = 8
SEED = 1974
LEADER = {"DateTime": "1974:11:21 12:00:00", "Software": "reelwright", "dpx:InputDevice": "reelwright demo scanner"}


class ShotTruth(BaseModel):
    """One shot of the demo reel as it was filmed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    first: int = Field(description="reel number of its first frame")
    stop: int = Field(description="reel number behind its last")


class DemoTruth(BaseModel):
    """What is known about the demo reel; its clean frames and masks lie beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int] = Field(description="height and width of a frame")
    shots: tuple[ShotTruth, ...]
    aging: Aging
    seed: int
    files: dict[str, str] = Field(description="sha256 of every file of the reel and its truth, by vault path")


def demo_reel(vault: Path, *, size: tuple[int, int] = (360, 480), shots: int = 3, seed: int = SEED) -> Path:
    """Make the demo reel under a vault, or find it there as it was made.

    Args:
        vault: root that the manifest's paths are relative to; gets `demo/` with the scan, `truth/demo/` with the truth.
        size: height and width of a frame in pixels.
        shots: how many of the scenes, from the first.
        seed: of the damage.

    Returns:
        The manifest, `manifests/demo/demo.yaml`.
    """
    aging = Aging.typical(size[0])
    cast = scenes()[:shots]
    planned = _planned(cast)
    if not _is_there(vault, size, planned, aging, seed):
        _film(vault, cast, planned, aging, size=size, seed=seed)
    return Path(manifests.__file__).parent / "demo" / "demo.yaml"


def truth_of(vault: Path) -> DemoTruth:
    """The record of the demo reel under a vault.

    Raises:
        FileNotFoundError: no demo reel has been made there.
    """
    return DemoTruth.model_validate_json((truth_folder(vault) / "truth.json").read_bytes())


def truth_folder(vault: Path) -> Path:
    """Where the truth about the demo reel lies under a vault."""
    return vault / "truth" / REEL


def clean_frames(folder: Path, first: int, stop: int) -> Clip:
    """Frames of the demo reel as they were before they aged, in density."""
    codes = [_read(folder / f"{number:07d}.dpx") for number in range(first, stop)]
    frames = torch.from_numpy(np.stack(codes).astype(np.float32) / 1023).permute(0, 3, 1, 2)
    return Clip(frames.contiguous(), Space.PRINTING_DENSITY, first).in_space(Space.DENSITY)


def dirt_masks(folder: Path, first: int, stop: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where dust and where scratches lie on the film, `(2, T, H, W)`, in the geometry of the clean frames."""
    packed = [np.load(folder / f"{number:07d}.dirt.npy") for number in range(first, stop)]
    bits = [np.unpackbits(planes, count=2 * size[0] * size[1]).reshape(2, *size) for planes in packed]
    return np.stack(bits, axis=1).astype(np.bool_)


def _planned(cast: tuple[Scene, ...]) -> tuple[ShotTruth, ...]:
    starts = np.cumsum([FIRST, *(scene.length for scene in cast)]).tolist()
    return tuple(
        ShotTruth(name=scene.name, first=first, stop=first + scene.length)
        for scene, first in zip(cast, starts, strict=False)
    )


def _is_there(vault: Path, size: tuple[int, int], planned: tuple[ShotTruth, ...], aging: Aging, seed: int) -> bool:
    try:
        found = truth_of(vault)
    except (FileNotFoundError, ValueError):
        return False
    same = found.size == size and found.shots == planned and found.aging == aging and found.seed == seed
    return same and all(_digest(vault / name) == digest for name, digest in found.files.items())


def _film(
    vault: Path,
    cast: tuple[Scene, ...],
    planned: tuple[ShotTruth, ...],
    aging: Aging,
    *,
    size: tuple[int, int],
    seed: int,
) -> None:
    scan, folder = vault / REEL, truth_folder(vault)
    for place in (scan, folder):
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            old.unlink()
    bench = Bench(seed=seed, workers=os.cpu_count() or 1)
    length = planned[-1].stop - FIRST
    written: list[Path] = []
    for scene, shot in zip(cast, planned, strict=True):
        for first in range(shot.first, shot.stop, WINDOW):
            clean = _filmed(scene, shot, range(first, min(first + WINDOW, shot.stop)), size, bench)
            damaged = aged(clean, aging, bench)
            for number in clean.numbers:
                paths = scan / f"{number:07d}.dpx", folder / f"{number:07d}.dpx", folder / f"{number:07d}.dirt.npy"
                _write(paths[0], _codes(damaged.clip, number), number, length)
                _write(paths[1], _codes(clean, number), number, length)
                np.save(paths[2], np.packbits(_inner(_dirt(damaged, number))))
                written += paths
    truth = DemoTruth(
        size=size,
        seed=seed,
        shots=planned,
        aging=aging,
        files={str(path.relative_to(vault).as_posix()): _digest(path) for path in written},
    )
    (folder / "truth.json").write_text(truth.model_dump_json(indent=1), encoding="utf-8")


def _filmed(scene: Scene, shot: ShotTruth, numbers: range, size: tuple[int, int], bench: Bench) -> Clip:
    """Frames as filmed, in density, with a margin all around that the gate can shake into the picture."""
    canvas = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    light = bench.map(lambda number: exposed(scene, number - shot.first, canvas), numbers)
    frames = converted(torch.from_numpy(np.stack(light)), Space.LINEAR, Space.DENSITY)
    return Clip(frames, Space.DENSITY, numbers.start)


def _dirt(damaged: Aged, number: int) -> NDArray[np.bool_]:
    if damaged.soil is None:
        return np.zeros((2, *damaged.clip.size), np.bool_)
    index = number - damaged.clip.first
    mask, scratched = damaged.soil.mask[index].numpy(), damaged.soil.scratched[index].numpy()
    return np.stack([mask & ~scratched, scratched])


def _inner(plane: NDArray[np.bool_] | NDArray[np.uint16]) -> NDArray[np.bool_] | NDArray[np.uint16]:
    return plane[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def _codes(clip: Clip, number: int) -> NDArray[np.uint16]:
    log = converted(clip[number][None], clip.space, Space.PRINTING_DENSITY)[0].numpy()
    return np.ascontiguousarray(_inner(np.rint(np.clip(log, 0, 1) * 1023).astype(np.uint16)).transpose(1, 2, 0))


def _write(path: Path, codes: NDArray[np.uint16], number: int, length: int) -> None:
    """One frame as 10-bit DPX: RGB, filled method A, big-endian."""
    height, width = codes.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    seconds, frame = divmod(number, int(FPS))
    code = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"
    texts = LEADER | {
        "dpx:Packing": "Filled, method A",
        "oiio:Endian": "big",
        "dpx:Transfer": "Printing density",
        "dpx:Colorimetric": "Printing density",
        "dpx:InputDeviceSerialNumber": "1",
        "dpx:TimeCode": code,
        "dpx:FrameId": f"{number:07d}",
        "dpx:SlateInfo": "demo reel, made by reelwright from photographs of scikit-image",
    }
    for name, text in texts.items():
        spec.attribute(name, text)
    for name, rate in (("dpx:FrameRate", FPS), ("dpx:TemporalFrameRate", FPS), ("dpx:ShutterAngle", 180)):
        spec.attribute(name, float(rate))
    for name, count in (("dpx:FramePosition", number - FIRST), ("dpx:SequenceLength", length), ("dpx:HeldCount", 1)):
        spec.attribute(name, count)
    # OpenImageIO cuts 16 bits down to 10 by dropping bits: spread the ten over the sixteen, so that nothing is lost.
    spread = (codes << 6) | (codes >> 4)
    out = oiio.ImageOutput.create(str(path))
    if out is None or not out.open(str(path), spec) or not out.write_image(spread) or not out.close():
        raise OSError(f"{path}: the demo frame cannot be written: {oiio.geterror() if out is None else out.geterror()}")
    _edge_code(path, number)


def _edge_code(path: Path, number: int) -> None:
    """What the writer leaves out, at the offsets of SMPTE 268M: the file's name without its folder, the film's edge."""
    feet, frames = divmod(number - FIRST, 16)
    edge = f"02{14:02d}{frames:02d}{123456:06d}{feet:04d}".encode() + b"35mm academy".ljust(32, b"\0")
    with path.open("r+b") as file:
        file.seek(36)
        file.write(path.name.encode().ljust(100, b"\0"))
        file.seek(1664)
        file.write(edge)


def _read(path: Path) -> NDArray[np.uint16]:
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise FileNotFoundError(f"{path}: {oiio.geterror()}")
    pixels = image.read_image("uint16")
    image.close()
    if pixels is None:
        raise OSError(f"{path}: {image.geterror()}")
    return np.asarray(np.asarray(pixels, np.uint16) >> 6, np.uint16)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
