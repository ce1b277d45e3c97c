"""A report of a made-up reel, and a reader of its page."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser

import cv2
import numpy as np

from manifests.reel import Base, Element, Reel, Scan
from restorers.colorspace import Space
from restorers.metrics.flicker import Flicker
from restorers.metrics.measures import Appearance, Measures
from restorers.repair import Repair
from restorers.synthesis import Tally
from tasks.cost import Bill, bill
from tasks.ledger import Line, Reading
from tasks.quality import Quality
from tasks.report import (
    BlemishRow,
    BlemishTally,
    DeliveryRow,
    Fact,
    Finding,
    LayerSheet,
    Mend,
    ReportContent,
    ShotSheet,
    TreatmentSheet,
)
from tasks.report.charts import Chart, lines
from tasks.report.layers import Mesh, Shading
from tasks.shot import ScanFacts
from tasks.store import Artifact

VOID = {"meta", "img", "input", "br", "hr", "link"}


class Page(HTMLParser):
    """What a reader would see, and everything that a browser would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not (self.open and self.open[-1] == "style"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def picture(seed: int, *, haze: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 235, (6, 8, 3)).astype(np.float32)
    large = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(large * (1 - haze) + 128 * haze, 0, 255).astype(np.uint8)


def appearance(frames: int, weave: float, seed: int) -> Appearance:
    rng = np.random.default_rng(seed)
    path = rng.normal(0, weave, (frames, 2))
    return Appearance(
        weave_x=weave,
        weave_y=1.4 * weave,
        flicker=Flicker(step=0.02 * weave, slow=0.01, fast=0.01 * weave, alternating=0.004 * weave, uneven=0.01),
        sharpness=0.4,
        grain_sigma=0.02,
        grain_fineness=0.3,
        grain_spectrum=tuple(4e-4 * np.exp(-np.arange(23) / 6)),
        picture_spectrum=tuple(1.0 / (1 + np.arange(23)) ** 3),
        density=tuple(0.8 + 0.03 * weave * rng.normal(size=frames)),
        path_x=tuple(path[:, 0]),
        path_y=tuple(path[:, 1]),
    )


def shot(index: int, first: int, frames: int) -> ShotSheet:
    measures = Measures(
        first=first,
        frames=frames,
        before=appearance(frames, 1.2, index),
        after=appearance(frames, 0.1, index + 50),
        psnr=28.4,
        ssim=0.91,
        color_difference=2.2,
    )
    absent = "not measured: LPIPS wants alexnet-owt-7be5be79.pth (sha256 7be5be79...) at trunks: there is no such file"
    return ShotSheet(
        index=index,
        first=first,
        last=first + frames - 1,
        pictured=first + frames // 2,
        before=picture(index, haze=0.5),
        after=picture(index),
        measures=measures,
        quality=Quality(vmaf_absent="not measured: 320 x 240 before and 640 x 480 after", lpips_absent=absent),
        origins=Tally(marks={0: 500, 1: 500, 2: 8800, 63: 150, 65: 45, 112: 4, 129: 1}),
    )


def spent() -> Bill | None:
    line = Line(
        run="r", reel="harbor-1931-r2", stage="examine", treatment="repair", key="0" * 64, id="1", status="done",
        time=datetime(2026, 11, 3, tzinfo=UTC), cpu_s=130, wall_s=80, frames=62, megapixel_frames=4.7, host="bench",
        money=0.0123, currency="EUR", rates="2026-11",
    )  # fmt: skip
    packaged = line.model_copy(update={"stage": "package", "treatment": None, "megapixel_frames": 0.0, "id": "2"})
    return bill(Reading((line, packaged), (), ()), Fraction(24))


def harbor() -> ReportContent:
    """The report of a reel of two shots."""
    reel = Reel(
        schema=1,
        id="harbor-1931-r2",
        title="Harbor survey",
        film="The harbor",
        stock="agfa-pankine",
        base=Base.NITRATE,
        gauge="35mm",
        year=1931,
        element=Element.DUPE_NEGATIVE,
        scan=Scan(frames="harbor/r2/%07d.dpx", fps=24, space=Space.PRINTING_DENSITY),
        notes="Splice at frame 131 is the cameraman's own.",
    )
    scan = ScanFacts(
        index=Artifact(digest="0" * 64, size=1), digest="a3" * 32, first=100, stop=162, height=240, width=320,
        bit_depth=10, space=Space.PRINTING_DENSITY, fps=Fraction(24),
        warnings=("frames 140-141 are missing",),
    )  # fmt: skip
    repair = TreatmentSheet(
        Repair(sensitivity=7.5), (Finding(1, "mended 14 dust in 32 frames"), Finding(2, "mended nothing in 30 frames"))
    )
    blemishes = tuple(
        BlemishRow(f"dust-{n:04d}", "dust", 1, 100 + n, (10 * n, 20, 10 * n + 6, 29), "borrowed", donors=(-1,), area=37)
        for n in range(14)
    )
    return ReportContent(
        reel=reel,
        scan=scan,
        shots=(shot(1, 100, 32), shot(2, 132, 30)),
        treatments=(repair,),
        blemishes=blemishes,
        left=(BlemishRow("hair-0", "hair", 1, 103, (0, 0, 9, 4), "left", reason="nothing fits", confidence=0.4),),
        tallies=(
            BlemishTally("dust", "borrowed", "", 880, 31_000),
            BlemishTally("hair", "left", "nothing fits", 20, 0),
        ),
        deliveries=(DeliveryRow("ffv1", "harbor-1931-r2.mkv", "b7" * 32, 123_456_789, 62),),
        bill=spent(),
        environment=(Fact("Reelwright", "0.1.0"), Fact("torch", "2.13.0")),
    )  # fmt: skip


def layered(content: ReportContent) -> ReportContent:
    """The same reel with what two layers did in each shot, slices and a mend."""
    values = np.linspace(-1, 1, 30)
    chart = Chart("Sideways", "px", 100, lines(before=values, after=0 * values, course=0 * values), 0.4)
    mesh = Mesh(104, "worst", "warped by 1 px", 20, picture(3), (240, 320), "M0 0 9 9", "M0 0 9 8")
    field = Shading(117, "up to 0.1 D", picture(5), 0.1, "D")
    sheets = (
        LayerSheet("stabilization", "static camera; weave 1.31 px", (chart,), {"before": "as found"}, meshes=(mesh,)),
        LayerSheet("deflicker", "flicker 0.03 D", (), {}, shading=field),
        LayerSheet("deflicker", "flicker 0.03 D", (replace(chart, title="Red"),), {}, shading=field),
    )
    shots = tuple(replace(s, layers=sheets, slices=(picture(1), picture(2))) for s in content.shots)
    return replace(content, shots=shots, mends=(Mend(content.blemishes[3], picture(6), picture(7)),))
