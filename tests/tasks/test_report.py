import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from restorers.metrics.measures import Appearance, Measures
from restorers.repair import Repair
from restorers.synthesis import Tally
from tasks.report import (
    BlemishTally,
    Fact,
    Finding,
    ReportContent,
    TreatmentSheet,
    report_page,
)
from tasks.report.page import UNFOLDED, settings
from tasks.report.summary import comparisons
from tests.tasks.sheets import Page, layered, picture, shot


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
