"""The sheet of a decay layer says what its remedy says: what is left of the dyes, what told it, how sure that is."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import manifests
from manifests.reel import Reel
from restorers.clip import Origin
from restorers.colorspace import Space, converted
from restorers.decay import DecayCorrection
from restorers.dyes import projection, stocks
from restorers.dyes.scanner import GENERIC
from restorers.restorer import Bench
from restorers.training.fading import drawn, printed, scanned
from restorers.unfading.lattice import Lattice
from restorers.unfading.references import Reference, Shown
from restorers.unfading.unfaded import Station, Unfading
from tasks.evidence import evidence, fade_name
from tasks.examine import examined
from tasks.footage import footage, remedy
from tasks.ingest import ingested, shot_list
from tasks.lab import Lab
from tasks.measure import measure
from tasks.render import Graded, Rendered, Segment, rendered_chunk
from tasks.report import LayerSheet, ReportContent, report_page
from tasks.report.account import account
from tasks.report.fading import HEAT, Side, Sureness, fading, heated, sides
from tasks.report.layers import Bars, Swatch
from tests.flows.reels import write_dpx
from tests.restorers.footage import clip_of, footage_of
from tests.tasks.sheets import Page

BENCH = Bench()
FIRST, SIZE, PATCH = 1, (48, 64), 8
PICTURES: dict[Side, NDArray[np.uint8]] = {
    "found": np.full((*SIZE, 3), 90, np.uint8),
    "undone": np.full((*SIZE, 3), 110, np.uint8),
    "unsure": np.full((*SIZE, 3), 130, np.uint8),
}
KNOWN: tuple[tuple[float, dict[str, object]], ...] = (
    (0.0, {"was": "clear"}),
    (0.4, {"was": "gray", "density": 0.4}),
    (1.0, {"was": "gray"}),
)


def reference(place: int, said: dict[str, object]) -> Reference:
    corner = {"x": 2 + place * (PATCH + 2), "y": 2, "width": PATCH, "height": PATCH}
    return Reference.model_validate({"frame": FIRST, **corner, **said})


REFERENCES = tuple(reference(place, said) for place, (_, said) in enumerate(KNOWN))


def reel(*, sound: bool = False) -> Tensor:
    """Densities of four frames with places that are known on the first; the third has all colors, the others few."""
    chance = np.random.default_rng(5)
    film = drawn(stocks.generic(), GENERIC, chance, sound=sound)
    frames = []
    for number in range(4):
        low, high = (0.0, 1.0) if number == 2 else (0.35, 0.6)
        coarse = chance.uniform(low, high, (5, 6, 3))
        picture = np.clip(np.asarray(cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC), np.float64), 0, 1)
        amounts = printed(film.film.stock, picture.reshape(-1, 3), chance).reshape(*SIZE, 3)
        if number == 0:
            grays = projection.grays(film.film.stock, np.array([level for level, _ in KNOWN]))
            for each, gray in zip(REFERENCES, grays, strict=True):
                amounts[each.y : each.y + PATCH, each.x : each.x + PATCH] = gray
        frames.append(scanned(film.shown(amounts.reshape(-1, 3)), chance).reshape(*SIZE, 3))
    return torch.from_numpy(np.stack(frames)).float().permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def faded() -> Tensor:
    return reel()


@pytest.fixture(scope="module")
def found(faded: Tensor) -> Unfading:
    treatment = DecayCorrection(nodes=33, references=REFERENCES)
    return treatment.examine(footage_of(faded, first=FIRST), BENCH)


def sheet(found: Unfading, frame: int = FIRST, unknown: float = 0.0) -> LayerSheet:
    if not sides(found):
        return fading(found, None, {}, BENCH)
    sure = Sureness(frame=frame, size=SIZE, typical=3.14, unknown=unknown)
    return fading(found, sure, {side: PICTURES[side] for side in sides(found)}, BENCH)


def page(layer: LayerSheet, content: ReportContent) -> tuple[str, Page]:
    shots = tuple(replace(shot, layers=(layer,)) for shot in content.shots)
    html = report_page(replace(content, shots=shots))
    return html, Page(html)


def rgb(color: str | None) -> NDArray[np.int_]:
    assert color is not None
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])


def edges(path: str) -> tuple[float, float]:
    """From where to where an upright-ended path reaches."""
    start, end = re.findall(r"[MH]([\d.]+)", path)[:2]
    return float(start), float(end)


def value_of(bars: Bars, left: float) -> float:
    """What an axis says at a distance from the left, by its labels."""
    places, numbers = zip(
        *((place, float(text.replace("\N{MINUS SIGN}", "-"))) for place, text in bars.ticks), strict=True
    )
    slope, start = np.polyfit(places, numbers, 1)
    return float(start + slope * left)


def test_bars_tell_what_is_left_of_each_dye_and_how_sure_that_is(found: Unfading) -> None:
    dyes, stain = sheet(found).bars
    assert [bar.name for bar in dyes.bars] == ["cyan", "magenta", "yellow"]
    for row, (share, spread) in enumerate(zip(found.share, found.share_spread, strict=True)):
        assert value_of(dyes, edges(dyes.path(row, dyes.bars[row].value))[1]) == pytest.approx(share, abs=1e-3)
        whisker = [value_of(dyes, edge) for edge in edges(dyes.whisker(row))]
        assert whisker == pytest.approx([share * np.exp(-spread), share * np.exp(spread)], abs=2e-3)
        assert dyes.bars[row].words == f"{share:.2f} ± {share * spread:.2f}"
        assert value_of(dyes, edges(dyes.path(row, 1.0))[1]) == pytest.approx(1, abs=1e-3)
    assert stain.bars[0].words == f"{found.stain:.2f} ± {found.stain_spread:.2f}"
    assert value_of(stain, edges(stain.path(0, stain.bars[0].value))[1]) == pytest.approx(found.stain, abs=1e-3)
    assert dyes.words.startswith(f"What is left of each dye: cyan {found.share[0]:.2f} ±")


def test_bars_of_a_reel_that_faded_more_and_more_are_those_of_the_frame_shown(found: Unfading) -> None:
    stations = (Station(frame=1, severity=0.5), Station(frame=101, severity=1.5))
    drifting = found.model_copy(update={"stations": stations, "severities": (0.0, 2.0)})
    drifting = drifting.model_copy(update={"lattices": np.stack([found.lattices[0]] * 2)})
    for frame, severity in ((1, 0.5), (51, 1.0), (101, 1.5)):
        dyes, stain = sheet(drifting, frame).bars
        assert [bar.value for bar in dyes.bars] == pytest.approx([share**severity for share in found.share])
        assert stain.bars[0].value == pytest.approx(severity * found.stain)
        assert dyes.title.endswith(f"in frame {frame}")


def test_a_bar_below_nothing_reaches_to_the_left_of_zero() -> None:
    tarnished = Unfading(image="silver", silver_stain=(-0.1, 0.05, 0.3), severities=(1.0,))
    stain = sheet(tarnished).bars[0]
    zero, end = edges(stain.path(0, -0.1))
    assert end < zero
    assert value_of(stain, end) == pytest.approx(-0.1, abs=1e-3)
    assert value_of(stain, zero) == pytest.approx(0, abs=1e-3)
    assert stain.bars[0].words == "\N{MINUS SIGN}0.10"


def test_grays_that_had_become_red_are_neutral_again_and_clear_film_white(found: Unfading) -> None:
    clear, *grays = sheet(found).swatches
    for gray in grays:
        assert np.ptp(rgb(gray.found)) > 20
        assert np.ptp(rgb(gray.undone)) <= 4
    assert rgb(clear.undone).min() >= 250
    assert rgb(clear.found).argmin() == 2  # stained yellow
    assert [swatch.was for swatch in (clear, *grays)] == ["clear", "gray of 0.40 D", "gray"]
    assert [swatch.left for swatch in (clear, *grays)] == [shown.left for shown in found.references]
    assert clear.box == (2, 2, PATCH, PATCH)


def test_swatches_are_the_pixels_of_the_film_without_the_layer_and_with_it(faded: Tensor, found: Unfading) -> None:
    clip = clip_of(faded[:1], first=FIRST)
    for layered, side in ((clip, "found"), (found.apply(clip, BENCH), "undone")):
        codes = 255 * converted(layered.frames, Space.DENSITY, Space.SRGB)[0].clamp(0, 1)
        for each, swatch in zip(REFERENCES, sheet(found).swatches, strict=True):
            patch = codes[:, each.y : each.y + PATCH, each.x : each.x + PATCH]
            assert rgb(getattr(swatch, side)) == pytest.approx(patch.flatten(1).median(1).values.numpy(), abs=2.5)


def test_a_swatch_of_an_unevenly_faded_frame_is_undone_as_much_as_its_place_wants() -> None:
    def lighter(by: float) -> NDArray[np.float32]:
        return Lattice.baked(lambda d: np.hstack([d - by, 0 * d[:, :1]]), 2, -1.0, 3.0).values

    def shown(x: int) -> Shown:
        return Shown(frame=1, x=x, y=20, width=4, height=4, was="gray", found=(1.2, 1.2, 1.2), left=0.0)

    uneven = Unfading(
        severities=(0.0, 2.0), low=-1.0, high=3.0, lattices=np.stack([lighter(0.0), lighter(0.8)]),
        uneven=(0.5, 0, 0, 0, 0, 0, 0), references=(shown(0), shown(30), shown(60)),
    )  # fmt: skip
    levels = [int(rgb(swatch.undone)[0]) for swatch in sheet(uneven).swatches]
    assert levels == sorted(levels)
    at = (np.array([2, 32, 62]) / SIZE[1] * 2 - 1) * 0.5 + 1  # the severity
    wanted = torch.from_numpy(1.2 - 0.4 * at).float().view(1, 1, 1, 3).expand(1, 3, 1, 3).contiguous()
    codes = 255 * converted(wanted, Space.DENSITY, Space.SRGB)[0, 0, 0].numpy()
    assert levels == pytest.approx(codes, abs=1.5)


def test_what_another_instrument_read_has_no_swatch(found: Unfading, content: ReportContent) -> None:
    many = found.references[1].model_copy(update={"read": True})
    layer = sheet(found.model_copy(update={"references": (found.references[0], many)}))
    assert layer.swatches[1] == Swatch(FIRST, layer.swatches[1].box, "gray of 0.40 D", None, None, many.left)
    assert "read elsewhere" in page(layer, content)[1].words


def test_the_less_sure_the_lighter_and_what_is_not_known_is_hatched() -> None:
    unsure = np.linspace(0, 10, 40, dtype=np.float32)[None].repeat(40, 0)
    picture = heated(unsure, 10.0, 480).astype(int)
    assert (picture[:, 0] == HEAT[0]).all()
    assert (picture[:, -1] == HEAT[-1]).all()
    assert (np.diff(picture.sum(2), axis=1) >= 0).all()
    unsure[:20, :20] = 10.01
    hatched = heated(unsure, 10.0, 480).astype(int)
    assert (hatched[20:] == picture[20:]).all()
    assert (hatched[:, 20:] == picture[:, 20:]).all()
    assert len(np.unique(hatched[:20, :20].reshape(-1, 3), axis=0)) == 2
    assert not (hatched[:20, :20, None] == HEAT.astype(int)).all(-1).any()


def test_specks_that_are_not_known_are_hatched_no_more_than_there_are_of_them() -> None:
    unsure = np.zeros((100, 100), np.float32)
    unsure[::5, ::5] = 99  # 4 % of the pixels
    small = heated(unsure, 10.0, 20).astype(float)
    assert small.shape == (20, 20, 3)
    away = np.abs(small - HEAT[0]).max()
    assert 2 < away < 20


def silver(*references: Reference) -> Unfading:
    random = np.random.default_rng(2)
    shade = cv2.resize(random.uniform(0.1, 1.6, (4, 6, 8)), (64, 48))[..., :4]  # four frames
    frames = np.stack([0.05 + 0.8 * shade, 0.08 + 0.84 * shade, 0.2 + 0.96 * shade], 0).transpose(3, 0, 1, 2)
    for place, each in enumerate(references):
        level = KNOWN[place][0]
        there = np.array([0.05 + 0.8 * level, 0.08 + 0.84 * level, 0.2 + 0.96 * level])
        frames[0, :, each.y : each.y + PATCH, each.x : each.x + PATCH] = there[:, None, None]
    footage = footage_of(torch.from_numpy(frames).float(), first=FIRST)
    return DecayCorrection(nodes=33, image="silver", references=references).examine(footage, BENCH)


def test_of_silver_stain_rise_and_contrast_are_shown_and_nothing_is_unsure(content: ReportContent) -> None:
    tarnished = silver(*REFERENCES[:2])
    layer = sheet(tarnished)
    stain, rise, contrast = layer.bars
    assert [bar.value for bar in stain.bars] == pytest.approx([0.05, 0.08, 0.2], abs=0.01)
    assert [bar.value for bar in rise.bars] == pytest.approx([1, 1.05, 1.2], abs=0.02)
    assert contrast.bars[0].value == pytest.approx(tarnished.silver_contrast)
    assert contrast.bars[0].value == pytest.approx(0.8, abs=0.02)
    assert all(bar.spread is None for bars in layer.bars for bar in bars.bars)
    assert layer.undone is not None
    assert layer.undone.unsure is None
    assert [swatch.left for swatch in layer.swatches] == [None, None]
    assert np.ptp(rgb(layer.swatches[1].undone)) <= 1 < np.ptp(rgb(layer.swatches[1].found))
    words = page(layer, content)[1].words
    assert "What is left of the contrast" in words
    assert "not known" not in words
    assert "Not explained" not in words
    assert len(sheet(silver(REFERENCES[0])).bars) == 2  # how dense a gray was nobody said


def test_a_reel_left_as_found_says_why_and_shows_what_told_it(content: ReportContent) -> None:
    footage = footage_of(reel(sound=True), first=FIRST)
    sound = DecayCorrection(nodes=33, references=REFERENCES).examine(footage, BENCH)
    assert sides(sound) == ()
    layer = sheet(sound)
    assert (layer.bars, layer.undone) == ((), None)
    assert [(swatch.was, swatch.undone, swatch.left) for swatch in layer.swatches] == [
        ("clear", None, None), ("gray of 0.40 D", None, None), ("gray", None, None),
    ]  # fmt: skip
    _, read = page(layer, content)
    assert "left as found: the references look as sound" in read.words
    assert "Decay of shot 1" in read.words
    assert "Undone" not in read.words
    assert sheet(DecayCorrection(strength=0).examine(footage, BENCH)).swatches == ()


def test_the_page_shows_the_sheet_whole_and_in_words(found: Unfading, content: ReportContent) -> None:
    html, read = page(sheet(found, frame=3, unknown=0.034), content)
    assert read.open == []
    for told in (
        found.summary(), "What is left of each dye", f"{found.share[0]:.2f} ± ", "Stain on the base", "gray of 0.40 D",
        "Frame 3 without this layer", "half of the pixels by 3.1 dE or less", "3.40 % of the pixels are not known",
        "10 dE", f"{found.references[0].left:.3f} D", "12, 2, 8 \N{MULTIPLICATION SIGN} 8",
    ):  # fmt: skip
        assert told in read.words, told
    colors = [a["style"] for tag, a in read.tags if tag == "i" and a.get("class") == "swatch"]
    assert colors[1] == f"background:{sheet(found).swatches[0].undone}"
    drawn_ = [a["aria-label"] for _, a in read.tags if a.get("role") == "img"]
    assert all(drawn_)
    assert sheet(found).bars[0].words in drawn_
    assert html == page(sheet(found, frame=3, unknown=0.034), content)[0]


def prescribed(frames: Tensor, treatment: DecayCorrection, place: Path) -> tuple[Reel, Lab]:
    """A reel scanned to a lab's vault."""
    codes = 1023 * converted(frames, Space.DENSITY, Space.PRINTING_DENSITY)
    for number, each in enumerate(codes.permute(0, 2, 3, 1).numpy(), start=FIRST):
        write_dpx(place / "vault" / "reel" / f"{number:05d}.dpx", np.clip(np.rint(each), 0, 1023).astype(np.uint16))
    scan = "scan: {frames: reel/%05d.dpx, fps: 24, space: printing-density}\n"
    (place / "reel.yaml").write_text(f"schema: 1\nid: reel\ntitle: A small reel\n{scan}", encoding="utf-8")
    reel = manifests.read(place / "reel.yaml").model_copy(update={"treatments": (treatment,)})
    return reel, Lab(root=place / "lab", vaults=(place / "vault",), out=place / "out", workers=1)


def test_a_reel_whose_fading_is_undone_has_it_in_its_report(faded: Tensor, tmp_path: Path) -> None:
    twice = faded.repeat_interleave(2, 2).repeat_interleave(2, 3)
    places = tuple(
        each.model_copy(update={name: 2 * getattr(each, name) for name in ("x", "y", "width", "height")})
        for each in REFERENCES
    )
    treatment = DecayCorrection(nodes=33, references=places, unknown=3.0)
    reel, lab = prescribed(twice, treatment, tmp_path)
    facts, _ = ingested(reel, lab)
    (bare,), _ = shot_list(reel, facts, lab)
    shot = bare.with_layer(examined((bare,), treatment, lab)[0])

    files = evidence(shot, lab)
    assert set(files) == {fade_name(0), *(fade_name(0, side) for side in ("found", "undone", "unsure"))}
    sure = Sureness.model_validate_json(files[fade_name(0)])
    assert (sure.frame, sure.size) == (3, (96, 128))  # the one that has all colors
    clip = footage((bare,), lab).clip(3, 4)
    marks = remedy(shot.layers[0], lab).apply(clip, lab.bench).origin
    assert sure.unknown == pytest.approx((marks == Origin.UNCERTAIN).float().mean().item())
    assert 0 < sure.unknown < 1

    graded = (Graded(delivery=reel.delivery[0], profile=reel.profile),)
    done = rendered_chunk(shot, shot.first, shot.stop, graded, lab)
    segments = [Segment(kind=k, first=shot.first, stop=shot.stop, outputs=r.outputs) for k, r in done.records.items()]
    rendered = Rendered(shot=shot, segments=tuple(segments))
    told = account(reel, (rendered,), (measure.fn(rendered, lab),), (), lab)
    (layer,) = told.shots[0].layers
    assert layer.undone is not None
    for side in ("found", "undone", "unsure"):
        assert getattr(layer.undone, side) == files[fade_name(0, side)]
    assert layer.undone.unknown == sure.unknown
    assert "Frame 3 without this layer" in Page(report_page(told)).words
