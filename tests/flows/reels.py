"""Small reels on disk, and the command line run on them as a user runs it."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REELWRIGHT = Path(sys.executable).parent / "reelwright"


@dataclass(frozen=True)
class Place:
    """A vault, a lab and a folder of finished reels."""

    root: Path
    prefect_home: Path

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def lab(self) -> Path:
        return self.root / "lab"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def run(
        self, *arguments: object, kill_at: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run `reelwright` to its end."""
        environment = self.environment() | ({"REELWRIGHT_KILL_AT": kill_at} if kill_at else {})
        command = [str(REELWRIGHT), *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PREFECT_HOME": str(self.prefect_home), "COLUMNS": "200"}

    def restore(self, manifest: Path, *more: object, kill_at: str | None = None) -> subprocess.CompletedProcess[str]:
        """Restore a reel in this place."""
        where = ("--vault", self.vault, "--lab", self.lab, "--out", self.out)
        return self.run("restore", manifest, *where, "--json", *more, kill_at=kill_at)

    def restored(self, manifest: Path, *more: object) -> dict[str, Any]:
        """Restore a reel in this place, which must succeed; what was delivered."""
        done = self.restore(manifest, *more)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


def scene(number: int, *, height: int = 96, width: int = 128, shot: int = 0) -> NDArray[np.uint16]:
    """10-bit codes `(H, W, 3)` of a textured scene with weave, grain, dust and a disk that moves on its own."""
    random = np.random.default_rng(1000 * shot + 7)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    frame = np.random.default_rng(50_000 + number)
    y, x = y + frame.normal(0, 0.8), x + frame.normal(0, 0.8)
    picture = np.zeros((height, width))
    for _ in range(12):
        fy, fx, phase = random.uniform(-0.4, 0.4), random.uniform(-0.4, 0.4), random.uniform(0, 6.28)
        picture += np.sin(fy * y + fx * x + phase)
    picture = 450 + 35 * picture
    disk = (y - height / 2) ** 2 + (x - (10 + 3 * number) % width) ** 2 < (height / 8) ** 2
    picture = np.where(disk, 650, picture) + frame.normal(0, 12)
    codes = picture[..., None] * np.array([1.0, 0.95, 0.85]) + frame.normal(0, 6, (height, width, 3))
    for _ in range(3):
        r, c = frame.integers(4, height - 8), frame.integers(4, width - 8)
        codes[r : r + 4, c : c + 3] = 940
    return np.clip(np.rint(codes), 0, 1023).astype(np.uint16)


def write_dpx(path: Path, codes: NDArray[np.uint16], *, fps: float = 24.0) -> None:
    """A big-endian 10-bit RGB DPX, filled method A, by the letter of SMPTE ST 268-1."""
    height, width, _ = codes.shape
    header = bytearray(b"\xff" * 2048)
    words = codes.astype(np.uint32)
    data = ((words[..., 0] << 22) | (words[..., 1] << 12) | (words[..., 2] << 2)).astype(">u4").tobytes()
    struct.pack_into(">4sI8sIIIII", header, 0, b"SDPX", 2048, b"V1.0\0\0\0\0", 2048 + len(data), 1, 1664, 384, 0)
    struct.pack_into(">HHII", header, 768, 0, 1, width, height)
    struct.pack_into(">IIfIfBBBBHHIII", header, 780, 0, 0, 0.0, 1023, 2.046, 50, 1, 1, 10, 1, 0, 2048, 0, 0)
    struct.pack_into(">f", header, 1724, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + data)


def write_reel(place: Place, *, shots: int = 2, frames: int = 10, height: int = 96, width: int = 128) -> None:
    """Frames of a reel under `reel/` in the place's vault, numbered from 1."""
    for shot in range(shots):
        for i in range(frames):
            number = 1 + shot * frames + i
            codes = scene(number, height=height, width=width, shot=shot)
            write_dpx(place.vault / "reel" / f"{number:05d}.dpx", codes)


def write_manifest(
    place: Place, treatments: str = "", *, delivery: str = "", more: str = "", name: str = "reel"
) -> Path:
    """A manifest of that reel."""
    path = place.root / f"{name}.yaml"
    scan = "scan:\n  frames: reel/%05d.dpx\n  fps: 24\n  space: printing-density\n"
    text = f"schema: 1\nid: {name}\ntitle: A small reel\n{scan}"
    text += f"treatments:\n{treatments}" if treatments else ""
    text += f"delivery:\n{delivery}" if delivery else ""
    path.write_text(text + more, encoding="utf-8")
    return path
