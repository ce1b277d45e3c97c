"""Ours and its peers at steadying, each with the exact displacement it applied.

Ours says it in its remedy. The filters of ffmpeg look for motion in the luma plane alone and move all planes alike: so
the shot goes into luma, and a chart of sines of x and of y into the two color planes, from which the displacement is
read back to a hundredth of a pixel, whatever the filter is.
"""

import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from restorers.colorspace import Space
from restorers.geometry import warp
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench, Remedy
from restorers.stabilization import Stabilization
from restorers.steadiness import camera
from restorers.steadiness.steadying import Steadying
from tests.benchmarks.footage import coded, decoded
from tests.benchmarks.paths import Applied, Floats
from tests.benchmarks.peers import RATE, Frames, PeerFailed

Plane: TypeAlias = NDArray[np.float64]

WAVE_PX = 128
AMPLITUDE = 110
EDGE_SHARE = 0.12
FEATURES = 400
SMOOTH_FRAMES = 6

DETECT = "vidstabdetect=shakiness=5:result={log}"
TRANSFORM = "vidstabtransform=input={log}:optalgo=gauss:optzoom=0:crop=keep:interpol=bicubic"
FILTERS: dict[str, tuple[str, ...]] = {
    "vidstab smoothing=8": (DETECT, f"{TRANSFORM}:smoothing=8"),
    "vidstab smoothing=24": (DETECT, f"{TRANSFORM}:smoothing=24"),
    "vidstab tripod": (f"{DETECT}:tripod=1", f"{TRANSFORM}:tripod=1"),
    "deshake": ("deshake",),
}
"""Filter chains, one a pass."""


def ours(found: Frames, bench: Bench, treatment: Stabilization | None = None) -> tuple[Steadying, Applied]:
    """Our remedy of a shot, and what it applies."""
    source = Held(decoded(found).in_space(Stabilization.space))
    footage = Footage(source, (Span(0, len(found)),), Stabilization.space, bench)
    remedy = (treatment or Stabilization()).examine(footage, bench)

    def applied(index: int, x: Floats, y: Floats) -> Floats:
        if remedy.steady:
            return np.zeros((2, len(x)))
        field = remedy.displacement(index).numpy()
        at = np.stack([y, x]).astype(np.float32)
        # Places lie between pixels; the displacement is smooth, so that a bilinear look is exact enough.
        looked = [cv2.remap(plane, at[1][None], at[0][None], cv2.INTER_LINEAR) for plane in field]
        return np.stack([np.asarray(row[0], np.float64) for row in looked])

    return remedy, applied


def steadied(found: Frames, remedy: Remedy, bench: Bench) -> Frames:
    """A shot with our remedy on it."""
    footage = Footage(Held(decoded(found)), (Span(0, len(found), (remedy,)),), Space.SRGB, bench)
    return np.concatenate([coded(clip) for _, clip in footage.windows()])


def moved(found: Frames, applied: Applied) -> Frames:
    """A shot moved by matrices as the usual recipe with OpenCV does it, bilinear."""
    height, width = found.shape[1:3]
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    out = []
    for index, frame in enumerate(found):
        dx, dy = applied(index, x.ravel(), y.ravel()).reshape(2, height, width)
        u, v = (x + dx).astype(np.float32), (y + dy).astype(np.float32)
        out.append(cv2.remap(frame, u, v, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE))
    return np.stack(out)


def filtered_frames(found: Frames, passes: tuple[str, ...]) -> Frames:
    """A shot through a filter of ffmpeg, as gray."""
    planes = np.repeat(_gray(found)[:, None], 3, axis=1)
    return np.ascontiguousarray(np.repeat(_run(planes, passes)[:, 0, :, :, None], 3, axis=3))


def filtered(found: Frames, passes: tuple[str, ...]) -> Applied:
    """What a filter of ffmpeg applies."""
    luma = _gray(found)
    length, height, width = luma.shape
    chart = np.stack([_wave(width)[None].repeat(height, 0), _wave(height)[:, None].repeat(width, 1)])
    # Rounded at random, so that rounding cannot pass for a movement.
    chart = np.floor(chart + np.random.default_rng(5).random(chart.shape))
    planes = np.concatenate([luma[:, None], np.broadcast_to(chart, (length, 2, height, width))], axis=1)
    moved = _run(np.ascontiguousarray(planes, np.uint8), passes)
    matrices: list[Floats] = []
    last = np.array([[1.0, 0, 0], [0, 1, 0]])
    for frame in moved:
        last = read_back(frame[1:].astype(np.float64), last)
        matrices.append(last)
    return matrix_applied(matrices, (height, width))


def featured(found: Frames, *, course: str) -> Applied:
    """What the usual recipe with OpenCV applies: features, pyramidal Lucas-Kanade, RANSAC, a smoothed path.

    Args:
        found: 8-bit sRGB.
        course: `gaussian` smooths the path as the recipe does; `parted` gives it our own course of the camera.
    """
    size = found.shape[1:3]
    path = feature_path(found)
    smooth = gaussian_filter1d(path, SMOOTH_FRAMES, axis=0) if course == "gaussian" else _parted(path, size)
    matrices = [_similarity(*row) for row in path - smooth]
    return matrix_applied(matrices, (size[0], size[1]))


def feature_path(found: Frames) -> Floats:
    """Shift, turn and growth of each frame against the first, about its center, `(T, 4)`."""
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in found]
    center = np.array([(found.shape[2] - 1) / 2, (found.shape[1] - 1) / 2], np.float32)
    path = [np.zeros(4)]
    for before, now in pairwise(grays):
        corners = cv2.goodFeaturesToTrack(before, FEATURES, 0.01, 12, blockSize=5)
        step = np.zeros(4)
        if corners is not None and len(corners) >= 8:
            there, told, _ = cv2.calcOpticalFlowPyrLK(
                before, now, corners, np.empty_like(corners)
            )  # windows of 21 pixels
            kept = told.ravel() > 0
            a, b = corners.reshape(-1, 2)[kept] - center, there.reshape(-1, 2)[kept] - center
            matrix, _ = cv2.estimateAffinePartial2D(a, b, method=cv2.RANSAC, ransacReprojThreshold=1.0)
            if matrix is not None:
                turn, grown = np.arctan2(matrix[1, 0], matrix[0, 0]), np.log(np.hypot(matrix[0, 0], matrix[1, 0]))
                step = np.array([matrix[0, 2], matrix[1, 2], turn, grown])
        path.append(path[-1] + step)
    return np.stack(path)


def matrix_applied(matrices: list[Floats], size: tuple[int, int]) -> Applied:
    """Affine matrices, of places about the center to places about the center, as displacements."""
    height, width = size

    def applied(index: int, x: Floats, y: Floats) -> Floats:
        about = np.stack([x - (width - 1) / 2, y - (height - 1) / 2])
        matrix = matrices[index]
        return np.asarray(matrix[:, :2] @ about + matrix[:, 2:] - about)

    return applied


def read_back(planes: Plane, start: Floats) -> Floats:
    """The affine matrix, about the center, along which the chart `(2, H, W)` was fetched."""
    height, width = planes.shape[1:]
    rows = np.arange(int(height * EDGE_SHARE), int(height * (1 - EDGE_SHARE)), 3)
    columns = np.arange(int(width * EDGE_SHARE), int(width * (1 - EDGE_SHARE)), 3)
    x, y = (axis.ravel() for axis in np.meshgrid(columns - (width - 1) / 2, rows - (height - 1) / 2))
    seen = planes[:, rows[:, None], columns].reshape(2, -1)
    basis = np.stack([x, y, np.ones_like(x)], axis=1)
    found = start.copy()
    for _ in range(12):
        for axis in range(2):
            phase = 2 * np.pi / WAVE_PX * (basis @ found[axis])
            slope = AMPLITUDE * 2 * np.pi / WAVE_PX * np.cos(phase)
            miss = seen[axis] - (128 + AMPLITUDE * np.sin(phase))
            spread = 1.4826 * np.median(np.abs(miss)) + 0.5
            weights = 1 / (1 + (miss / (3 * spread)) ** 2) ** 2
            design = basis * slope[:, None]
            pull = (design * weights[:, None]).T
            found[axis] += np.linalg.solve(pull @ design + 1e-9 * np.eye(3), pull @ miss)
    return found


def _gray(found: Frames) -> NDArray[np.uint8]:
    return np.stack([np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in found])


def _similarity(x: float, y: float, turn: float, grown: float) -> Floats:
    cos, sin = np.exp(grown) * np.cos(turn), np.exp(grown) * np.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def _parted(path: Floats, size: tuple[int, int]) -> Floats:
    """The camera's part of a path of features, told the way our own is."""
    scale = np.array([1.0, 1.0, size[1] / 3.46, size[1] / 3.46])  # root mean square of what they move, as `warp` counts
    coefficients = np.zeros((len(path), 2, len(warp.AFFINE)))
    scaled = path * scale
    coefficients[:, 0, 0], coefficients[:, 1, 0] = scaled[:, 0], scaled[:, 1]
    coefficients[:, 0, 1], coefficients[:, 1, 1] = scaled[:, 3], scaled[:, 2]
    values = camera.parted(coefficients, "auto").values
    smooth = np.stack([values[:, 0, 0], values[:, 1, 0], values[:, 1, 1], values[:, 0, 1]], axis=1)
    return np.asarray(smooth / scale)


def _wave(count: int) -> Floats:
    phase = 2 * np.pi * (np.arange(count) - (count - 1) / 2) / WAVE_PX
    return 128 + AMPLITUDE * np.sin(phase)


def _run(planes: NDArray[np.uint8], passes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Planes `(T, 3, H, W)` of luma and color, through all passes of a filter."""
    with tempfile.TemporaryDirectory() as folder:
        raw, out, log = Path(folder) / "in.yuv", Path(folder) / "out.yuv", Path(folder) / "pass.log"
        planes.tofile(raw)
        for index, chain in enumerate(passes):
            last = index == len(passes) - 1
            target = ["-pix_fmt", "yuv444p", "-f", "rawvideo", str(out)] if last else ["-f", "null", "-"]
            size = f"{planes.shape[3]}x{planes.shape[2]}"
            read = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", size, "-r", str(RATE), "-i", str(raw)]
            program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error"]
            command = [*program, "-threads", "1", "-filter_threads", "1", *read, "-vf", chain.format(log=log), *target]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise PeerFailed(f"{' '.join(command)}\n{ran.stderr[-2000:]}")
        return np.fromfile(out, np.uint8).reshape(planes.shape)
