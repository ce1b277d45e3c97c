from dataclasses import replace

import pytest

from tasks.report import (
    BlemishRow,
    BlemishTally,
    Finding,
    ReportContent,
    report_page,
)
from tasks.report.account import tallies
from tests.tasks.sheets import Page, layered


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
