import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from manifests.reel import Base, Element, Reel, Scan
from restorers.clip import Origin
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
    MapSheet,
    Mend,
    ReportContent,
    ShotSheet,
    TreatmentSheet,
    report_page,
)
from tasks.report.account import tallies
from tasks.report.charts import Chart, lines
from tasks.report.layers import Mesh, Shading
from tasks.report.page import UNFOLDED, settings
from tasks.report.painting import COLORS, painted
from tasks.report.summary import comparisons
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


@pytest.fixture
def content() -> ReportContent:
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


def test_the_page_is_whole_and_asks_for_nothing(content: ReportContent) -> None:
    html = report_page(content)
    page = Page(html)
    assert page.open == []
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html).replace("</", "")
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on") or name == "srcset"]
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", html)
    assert "@import" not in html


def test_no_two_elements_share_an_id_and_links_lead_somewhere(content: ReportContent) -> None:
    page = Page(report_page(content))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for _, attributes in page.tags if attributes.get("href")}
    assert targets <= {f"#{name}" for name in ids}


def test_what_people_wrote_is_shown_and_never_run(content: ReportContent) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}"
    reel = content.reel.model_copy(update={"title": attack, "film": attack, "stock": attack, "notes": attack})
    poisoned = replace(
        content,
        reel=reel,
        scan=content.scan.model_copy(update={"warnings": (attack,)}),
        treatments=(TreatmentSheet(content.treatments[0].restorer, (Finding(1, attack),)),),
        blemishes=(replace(content.blemishes[0], id=attack, kind=attack, reason=attack),),
        left=(replace(content.left[0], id=attack, kind=attack, reason=attack),),
        tallies=(BlemishTally(attack, "left", attack, 3, 0),),
        deliveries=(replace(content.deliveries[0], name=attack, kind=attack),),
        environment=(Fact(attack, attack),),
    )
    page, honest = Page(report_page(poisoned)), Page(report_page(content))
    assert page.scripts == honest.scripts
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert len([tag for tag, _ in page.tags if tag == "img"]) == len([tag for tag, _ in honest.tags if tag == "img"])
    assert page.words.count("<script>alert(1)</script>") >= 10
    assert "49" not in page.words.split()


def test_only_its_own_script_may_run(content: ReportContent) -> None:
    import hashlib

    page = Page(report_page(content))
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256("".join(page.scripts).encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_pictures_are_those_given(content: ReportContent) -> None:
    page = Page(report_page(content))
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(s.split(",")[1]), np.uint8), 1)[:, :, ::-1] for s in sources if s
    ]
    given = [side for sheet in content.shots for side in (sheet.before, sheet.after)]
    assert len(shown) == len(given)
    for a, b in zip(shown, given, strict=True):
        assert np.abs(a.astype(float) - np.asarray(b, float)).mean() < 3


def test_encoded_pictures_are_taken_as_they_are_and_others_refused(content: ReportContent) -> None:
    png = cv2.imencode(".png", picture(4))[1].tobytes()
    sheet = replace(content.shots[0], before=png, after=png)
    html = report_page(replace(content, shots=(sheet,)))
    assert html.count(f"data:image/png;base64,{base64.b64encode(png).decode()}") == 2
    with pytest.raises(ValueError, match="neither"):
        report_page(replace(content, shots=(replace(sheet, after=b"GIF89a"),)))


def test_every_setting_is_told_with_its_meaning(content: ReportContent) -> None:
    words = Page(report_page(content)).words
    for name, field in Repair.model_fields.items():
        if name != "kind":
            assert name.replace("_", " ") in words
            assert field.description is not None
            assert field.description in words
    found = {setting.name: setting for setting in settings(content.treatments[0].restorer)}
    assert (found["sensitivity"].value, found["sensitivity"].prescribed) == ("7.5", True)
    assert not found["max_area"].prescribed


def test_the_facts_of_the_reel_are_all_there(content: ReportContent) -> None:
    words = Page(report_page(content)).words
    for fact in (
        "Harbor survey", "The harbor, 1931, reel harbor-1931-r2", "agfa-pankine", "nitrate", "35mm", "dupe negative",
        "240, 10 bit, printing-density", "161 at 24 fps", "harbor/r2/%07d.dpx", "a3" * 32, "b7" * 32,
        "123.46 MB", "frames 140-141 are missing", "Splice at frame 131", "mended 14 dust in 32 frames",
        "900 found.", "hair left: nothing fits 20 0", "Total 900 31 000",
            "from frame 99", "0.0246", "EUR at 2K", "Not counted: package", "torch 2.13.0",
        "LPIPS wants alexnet-owt-7be5be79.pth", "88.00 % resampled",
    ):  # fmt: skip
        assert fact in words, fact


def test_the_summary_says_what_got_better_and_what_worse(content: ReportContent) -> None:
    rows = {row.name: row for row in comparisons(content.shots)}
    assert (rows["Sideways weave"].words, rows["Sideways weave"].verdict) == ("steadier by 92%", "better")
    assert (rows["Grain"].words, rows["Grain"].verdict) == ("as found", "neutral")
    swapped = tuple(
        replace(s, measures=s.measures.model_copy(update={"before": s.measures.after, "after": s.measures.before}))
        for s in content.shots
    )
    rows = {row.name: row for row in comparisons(swapped)}
    assert (rows["Sideways weave"].words, rows["Sideways weave"].verdict) == ("less steady, 12.0 times", "worse")


def test_sharper_is_better_and_softer_worse(content: ReportContent) -> None:
    sheet = content.shots[0]
    for value, verdict in ((0.5, "better"), (0.3, "worse"), (0.402, "neutral")):
        after = sheet.measures.after.model_copy(update={"sharpness": value})
        changed = replace(sheet, measures=sheet.measures.model_copy(update={"after": after}))
        assert {row.name: row.verdict for row in comparisons((changed,))}["Sharpness"] == verdict


def test_the_origins_of_all_shots_add_up(content: ReportContent) -> None:
    a, b = (
        replace(sheet, origins=Tally(marks=marks))
        for sheet, marks in zip(content.shots, ({0: 32}, {2: 96}), strict=True)
    )
    words = Page(report_page(replace(content, shots=(a, b)))).words
    assert "25.00 % untouched" in words
    assert "75.00 % resampled" in words
    assert "restoration: 0 of 128 pixels generated or interpolated" in words


def test_what_is_borrowed_is_told_by_distance_and_what_is_generated_by_model(content: ReportContent) -> None:
    words = Page(report_page(content)).words
    assert "restoration: 10 of 20,000 pixels generated or interpolated" in words
    assert "borrowed from the frame 1 earlier 1.50 %" in words
    assert "borrowed from the frame 1 later 0.45 %" in words
    assert "generated by painter 0.01 %" in words


def test_maps_are_shown_with_their_legend(content: ReportContent) -> None:
    map_of_frame = painted(picture(3), np.zeros((240, 320), np.uint8))
    sheets = (replace(content.shots[0], maps=(MapSheet(1, 117, 0.0123, map_of_frame),)), *content.shots[1:])
    page = Page(report_page(replace(content, shots=sheets)))
    assert "Frame 117 of shot 1: 1.23 % of its pixels are not its own." in page.words
    assert "Synthesis map of frame 117" in [a.get("alt") for tag, a in page.tags if tag == "img"]
    for name, (red, green, blue) in COLORS.items():
        assert name.name.lower() in page.words
        assert f"background:rgb({red} {green} {blue})" in [a.get("style") for tag, a in page.tags if tag == "i"]


def test_a_speck_of_one_pixel_is_seen_on_a_reduced_map() -> None:
    origin = np.zeros((1000, 1600), np.uint8)
    origin[501, 803] = Origin.borrowed(-1)
    shown = painted(np.full((1000, 1600, 3), 200, np.uint8), origin, width=320)
    assert shown.shape == (200, 320, 3)
    blue = (shown == COLORS[Origin.BORROWED]).all(axis=2)
    assert blue.any()
    assert np.abs(np.argwhere(blue) - (100, 160)).max() <= 1
    assert (shown[~blue] == 90).all()


def test_origins_that_nobody_counted_are_not_made_up(content: ReportContent) -> None:
    bare = replace(content, shots=tuple(replace(sheet, origins=Tally()) for sheet in content.shots))
    page = Page(report_page(bare))
    assert "Not counted" in page.words
    assert "untouched" not in page.words


def test_the_same_reel_gives_the_same_page(content: ReportContent) -> None:
    assert report_page(content) == report_page(content)


def test_pictures_and_charts_have_words_for_who_cannot_see_them(content: ReportContent) -> None:
    page = Page(report_page(layered(content)))
    assert all("alt" in attributes for tag, attributes in page.tags if tag == "img")
    drawn = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len([a for a in drawn if (a["aria-label"] or "").startswith("Sideways: as found from")]) == 2
    assert all(attributes["aria-label"] for attributes in drawn)


def test_layers_slices_and_mends_are_told_with_their_frames(content: ReportContent) -> None:
    html = report_page(layered(content))
    page = Page(html)
    assert page.open == []
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html).replace("</", "")
    for fact in (
        "Stabilization of shot 2, frame by frame", "static camera; weave 1.31 px", "Worst , frame 104: warped by 1 px",
        "drawn 20 times as large", "One column of the frame over the shot", "dust-0003", "borrowed from frame 102",
        "Shading taken out of frame 117",
    ):  # fmt: skip
        assert fact in page.words, fact
    assert report_page(layered(content)) == html


def test_of_a_reel_of_many_shots_each_is_folded_and_said_in_a_line(content: ReportContent) -> None:
    few, many = (
        replace(content, shots=tuple(replace(shot(n, 100 + 8 * n, 8), origins=Tally()) for n in range(1, count + 1)))
        for count in (UNFOLDED, UNFOLDED + 1)
    )
    assert [a for t, a in Page(report_page(few)).tags if a.get("class") == "shot" and "open" in a]
    folded = Page(report_page(many))
    assert not [a for t, a in folded.tags if a.get("class") == "shot" and "open" in a]
    assert folded.words.count("sideways weave steadier by 92%") == UNFOLDED + 1


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


def test_shots_too_short_to_be_measured_are_reported_all_the_same(content: ReportContent) -> None:
    nothing = Appearance(
        weave_x=None, weave_y=None, flicker=None, sharpness=None, grain_sigma=None, grain_fineness=None,
        grain_spectrum=(), picture_spectrum=(), density=(0.7,), path_x=(0.0,), path_y=(0.0,),
    )  # fmt: skip
    measures = Measures(first=100, frames=1, before=nothing, after=nothing, psnr=None, ssim=1.0, color_difference=0.0)
    sheet = replace(content.shots[0], last=100, pictured=100, measures=measures)
    bare = replace(content, shots=(sheet,), treatments=(), blemishes=(), left=(), tallies=(), bill=None, environment=())
    words = Page(report_page(bare)).words
    assert "too short to be measured" in words
    assert "The ledger was not at hand." in words


def test_blemishes_are_totaled_and_those_left_listed_with_their_reasons(content: ReportContent) -> None:
    words = Page(report_page(replace(content, weight="layer 1.2 MB, scan 812.0 MB: 0.15 %"))).words
    assert "Left as found: 20, 1 of them here, all in the folder layers" in words
    assert "hair-0 hair 1 103 0, 0, 4 \N{MULTIPLICATION SIGN} 9 0.40 left: nothing fits" in words
    assert "Mended, the least certain first: 880, 14 of them here" in words
    assert "layer 1.2 MB, scan 812.0 MB: 0.15 %" in words


def test_frames_too_many_or_too_few_are_told_even_where_no_blemish_is(content: ReportContent) -> None:
    told = (Finding(2, "1 frame is missing before frame 140"),)
    words = Page(report_page(replace(content, blemishes=(), left=(), tallies=(), irregularities=told))).words
    assert "Shot 2: 1 frame is missing before frame 140" in words
    assert "Shot 2: 1 frame" not in Page(report_page(content)).words


def test_ids_of_blemishes_are_taken_with_one_click(content: ReportContent) -> None:
    page = Page(report_page(layered(content)))
    ids = [attributes for tag, attributes in page.tags if tag == "code" and attributes.get("class") == "id"]
    assert len(ids) == len(content.blemishes) + len(content.left) + 1
    assert ".id { user-select: all; }" in report_page(content)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (BlemishRow("a", "dust", 1, 9, (0, 0, 2, 2), "borrowed", donors=(1, -2)), "borrowed from frame 10, frame 7"),
        (
            BlemishRow("a", "scratch", 1, 9, (0, 0, 2, 2), "borrowed", "nothing fits", (1, -2), 7, last=30, left=0.25),
            "borrowed from 1 after, 2 before; 25% of it left: nothing fits",
        ),
        (BlemishRow("a", "dust", 1, 9, (0, 0, 2, 2), "interpolated"), "interpolated"),
        (BlemishRow("a", "dust", 1, 9, (0, 0, 2, 2), "left", "rejected"), "left: rejected"),
    ],
)
def test_what_was_done_about_a_blemish_is_said_in_words(row: BlemishRow, said: str) -> None:
    assert row.done == said


def test_blemishes_are_counted_by_class_and_deed() -> None:
    box = (0, 0, 2, 2)
    rows = [
        BlemishRow("a", "dust", 1, 1, box, "left", "moves"),
        BlemishRow("b", "dust", 1, 1, box, "borrowed", area=5),
        BlemishRow("c", "scratch", 1, 1, box, "borrowed", "nothing fits", area=90, left=0.5),
        BlemishRow("d", "dust", 1, 1, box, "borrowed", area=7),
    ]
    assert tallies(rows) == (
        BlemishTally("scratch", "borrowed", "", 1, 90),
        BlemishTally("dust", "borrowed", "", 2, 12),
        BlemishTally("dust", "left", "moves", 1, 0),
    )
