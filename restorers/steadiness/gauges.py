"""How films are perforated, and perforations in a picture of a scan.

Holes are only taken for perforations when they are as the standards cut them: height to pitch, width to height, round
corners, one behind the other along an edge of the film that shows nothing else. Scans without them, which are most, and
windows, mattes and letterboxes, have none.

ISO 2906, 69, 1019, 1700, SMPTE 93, 139 (35, 16, 8 mm and Super 8); 9.5 mm as Pathe cut it.
"""

from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Singles: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Edge: TypeAlias = Literal["left", "right", "middle"]

LEVELS = (0.25, 0.4, 0.55, 0.7, 0.85, 0.93)
OUTER_SHARE, MIDDLE_SHARE = 0.3, 0.1
LEAST_HEIGHT_PX = 12
ASPECT, PITCH, EQUAL = 0.1, 0.05, 0.06
ROUNDNESS = (0.45, 1.8)
LEAST_FILL = 0.8
FRAMES_SEEN = (0.85, 1.8)
FLAT_HOLE, FLAT_FILM, CLEAR_RING = 0.08, 0.08, 0.9


class Gauge(NamedTuple):
    """How a film is perforated; lengths in millimeters."""

    name: str
    width: float
    height: float
    radius: float
    pitch: float
    per_frame: int
    edges: tuple[Edge, ...] = ("left", "right")


KODAK_STANDARD = Gauge("35 mm film", 2.794, 1.981, 0.51, 4.75, 4)
BELL_HOWELL = Gauge("35 mm film", 2.794, 1.854, 0.69, 4.74, 4)  # the short sides are arcs: corners of the same area
SIXTEEN = Gauge("16 mm film", 1.829, 1.270, 0.25, 7.62, 1)
EIGHT = Gauge("8 mm film", 1.829, 1.270, 0.25, 3.81, 1)
SUPER_EIGHT = Gauge("Super 8 film", 0.914, 1.143, 0.13, 4.234, 1)
NINE_AND_A_HALF = Gauge("9.5 mm film", 2.4, 1.0, 0.2, 7.54, 1, ("middle",))
GAUGES = (KODAK_STANDARD, BELL_HOWELL, SIXTEEN, EIGHT, SUPER_EIGHT, NINE_AND_A_HALF)


class Hole(NamedTuple):
    """A perforation in a picture: pixels from its left and upper edge, and where on the film it was cut."""

    left: float
    top: float
    right: float
    bottom: float
    edge: Edge

    @property
    def height(self) -> float:
        """From the upper to the lower edge, pixels."""
        return self.bottom - self.top

    def scaled(self, across: float, down: float) -> "Hole":
        """The same hole in a picture so much larger."""
        return Hole(self.left * across, self.top * down, self.right * across, self.bottom * down, self.edge)


class Perforations(NamedTuple):
    """The perforations a picture shows: what film that is, and the holes of which the whole height is seen."""

    gauge: Gauge
    holes: tuple[Hole, ...]


def perforations(picture: Singles) -> Perforations | None:
    """The perforations in a picture, best the median of some frames of a shot; None where there are none.

    Args:
        picture: `(h, w)`, higher is lighter, on a scale such as the eye's; 200 to 600 lines.
    """
    found: list[Perforations] = []
    for signed in (picture, -picture):
        low, high = np.percentile(signed, (5, 99.5))
        for level in LEVELS:
            light = np.asarray(signed > low + level * (high - low))
            shapes = _shapes(signed, light)
            found += [seen for gauge in GAUGES if (seen := _as_cut(shapes, gauge, signed)) is not None]
    return max(found, key=lambda seen: len(seen.holes), default=None)


def _shapes(picture: Singles, light: Mask) -> list[tuple[Hole, float]]:
    """What may be a hole by its own shape, with the radius of its corners in pixels."""
    height, width = light.shape
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(light.astype(np.uint8), connectivity=4)
    _, top, across, down, area = boxes.T
    whole = (top > 0) & (top + down < height) & (down >= LEAST_HEIGHT_PX) & (down < height / 2)
    whole &= area >= LEAST_FILL * across * down
    shapes = []
    for label in np.flatnonzero(whole):
        left, top, across, down, _ = (int(v) for v in boxes[label])
        edge = _edge(left + across / 2, top + down / 2, (height, width))
        mask = labels[top : top + down, left : left + across] == label
        if edge and _bare(picture, (left, top, across, down), mask):
            cut = (left == 0, left + across == width)
            shapes.append((Hole(left, top, left + across, top + down, edge), _corners(mask, cut)))
    return shapes


def _edge(x: float, y: float, size: tuple[int, int]) -> Edge | None:
    height, width = size
    if abs(x / width - 0.5) < MIDDLE_SHARE and abs(y / height - 0.5) > 0.5 - OUTER_SHARE:
        return "middle"
    if abs(x / width - 0.5) > 0.5 - OUTER_SHARE:
        return "left" if x < width / 2 else "right"
    return None


def _bare(picture: Singles, box: tuple[int, int, int, int], mask: Mask) -> bool:
    """Whether a shape is even inside, and darker all around."""
    left, top, across, down = box
    rim = max(round(0.15 * down), 2)
    inside = picture[top : top + down, left : left + across][
        cv2.erode(mask.astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8), borderValue=0).astype(bool)
    ]
    y, x, gap = max(top - rim, 0), max(left - rim, 0), max(rim // 2, 1)
    around = picture[y : top + down + rim, x : left + across + rim]
    ring = np.ones(around.shape, bool)
    ring[max(top - y - gap, 0) : top - y + down + gap, max(left - x - gap, 0) : left - x + across + gap] = False
    beside = around[ring]
    if not inside.size or not beside.size:
        return False
    contrast = float(np.median(inside) - np.median(beside))
    middle = float(np.median(inside)) - contrast / 2
    return contrast > 0 and inside.std() < FLAT_HOLE * contrast and bool((beside < middle).mean() > CLEAR_RING)


def _corners(mask: Mask, cut: tuple[bool, bool]) -> float:
    """Radius of the corners that are seen, from the area they lack; pixels."""
    half = len(mask) // 2
    sides = [mask[:half], mask[::-1][:half]]
    corners = [part[:, :half] for part in sides if not cut[0]] + [
        part[:, ::-1][:, :half] for part in sides if not cut[1]
    ]
    lacking = float(np.median([(~corner).sum() for corner in corners])) if corners else 0.0
    return float(np.sqrt(lacking / (1 - np.pi / 4)))


def _as_cut(shapes: list[tuple[Hole, float]], gauge: Gauge, picture: Singles) -> Perforations | None:
    """The shapes that are this gauge's perforations."""
    height, width = picture.shape
    holes: list[Hole] = []
    for edge in gauge.edges:
        like = [hole for hole, radius in shapes if hole.edge == edge and _shaped(hole, radius, gauge, (height, width))]
        chain = _chain(like, gauge)
        seen = height / np.median([hole.height for hole in chain]) * gauge.height / gauge.pitch if chain else 0.0
        enough = len(chain) >= (2 if gauge.per_frame > 1 else 1)
        if enough and FRAMES_SEEN[0] < seen / gauge.per_frame < FRAMES_SEEN[1] and _alone(chain, picture):
            holes += chain
    return Perforations(gauge, tuple(holes)) if holes else None


def _shaped(hole: Hole, radius: float, gauge: Gauge, size: tuple[int, int]) -> bool:
    aspect = (hole.right - hole.left) / hole.height / (gauge.width / gauge.height)
    cut = hole.left == 0 or hole.right == size[1]
    wide = aspect < 1 + ASPECT and (cut or aspect > 1 - ASPECT)
    round_ = radius / (gauge.radius / gauge.height * hole.height)
    return wide and ROUNDNESS[0] < round_ < ROUNDNESS[1]


def _chain(holes: list[Hole], gauge: Gauge) -> list[Hole]:
    """The longest row of equal holes that follow one another at the gauge's pitch, some of which may be missing."""
    best: list[Hole] = []
    for start in holes:
        size = start.height
        row = []
        for hole in sorted(holes, key=lambda hole: hole.top):
            steps = (hole.top + hole.bottom - start.top - start.bottom) / 2 / size * gauge.height / gauge.pitch
            equal = abs(hole.height - size) < EQUAL * size + 1 and abs(hole.left - start.left) < EQUAL * size + 1
            if equal and abs(steps - round(steps)) < PITCH * max(abs(steps), 1):
                row.append(hole)
        if len(row) > len(best):
            best = row
    return best


def _alone(chain: list[Hole], picture: Singles) -> bool:
    """Whether the film beside the holes shows nothing else: from hole to hole, or to both sides of a middle one."""
    hole = chain[0]
    margin = 0.3 * hole.height
    left, right = (max(round(v), 0) for v in (hole.left, hole.right))
    if hole.edge == "middle":
        reach = 2 * (right - left)
        parts = [
            picture[round(h.top) : round(h.bottom), max(round(a), 0) : round(b)].T
            for h in chain
            for a, b in ((h.left - reach, h.left - margin), (h.right + margin, h.right + reach))
        ]
    else:
        free = np.ones(len(picture), bool)
        for other in chain:
            free[max(round(other.top - margin), 0) : round(other.bottom + margin)] = False
        parts = [picture[free, left:right]]
    inside = float(np.median(picture[round(hole.top) : round(hole.bottom), left:right]))
    for part in parts:
        if len(part) < hole.height / 4:
            return False
        level = np.median(part, axis=0)
        spread = 1.4826 * float(np.median(np.abs(part - level), axis=0).mean())
        if spread > FLAT_FILM * (inside - float(np.median(level))):
            return False
    return True
