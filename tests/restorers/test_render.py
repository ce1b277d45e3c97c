from typing import ClassVar

import pytest
import torch

from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.render import Footage, Span, opened
from restorers.restorer import Array, Bench, Remedy
from tests.restorers.footage import ArraySource


class Averaging(Remedy):
    """Each frame becomes the mean of itself and its neighbors, as far as the shot goes."""

    halo: ClassVar[int] = 1

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        frames = [clip.frames[max(i - 1, 0) : i + 2].mean(dim=0) for i in range(len(clip))]
        return clip.toned(torch.stack(frames))


class Patch(Remedy):
    """One corner pixel is replaced."""

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        frames = clip.frames.clone()
        frames[..., 0, 0] = 0.5
        mark = torch.zeros_like(clip.origin)
        mark[..., 0, 0] = Origin.borrowed(1)
        return clip.marked(frames, mark)


class Curve(Patch):
    """Holds an array, to be stored."""

    name: str
    gains: Array


def source(frames: int = 12, space: Space = Space.PRINTING_DENSITY) -> ArraySource:
    codes = torch.randint(0, 1024, (frames, 3, 6, 8), generator=torch.Generator().manual_seed(3))
    return ArraySource((codes / 1023).float(), space=space, white=1023)


@pytest.mark.parametrize("window", [1, 2, 3, 5, 12])
def test_pixels_do_not_depend_on_the_window(window: int) -> None:
    scan, span = source(), Span(0, 12, (Averaging(), Patch(), Averaging()))
    whole = opened(scan, span, 0, 12, Bench())
    parts = [opened(scan, span, n, min(n + window, 12), Bench()) for n in range(0, 12, window)]
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    assert torch.equal(torch.cat([part.origin for part in parts]), whole.origin)


def test_nothing_reaches_across_a_cut() -> None:
    scan = source()
    alone = opened(scan, Span(0, 6, (Averaging(),)), 5, 6, Bench())
    other = ArraySource(torch.cat([scan.frames[:6], torch.rand(6, 3, 6, 8)]), space=scan.space, white=1023)
    assert torch.equal(opened(other, Span(0, 6, (Averaging(),)), 5, 6, Bench()).frames, alone.frames)


def test_an_untouched_pixel_is_the_very_number_of_the_scan() -> None:
    for space in (Space.PRINTING_DENSITY, Space.SRGB, Space.REC709, Space.LINEAR):
        scan = source(space=space)
        clip = opened(scan, Span(0, 12, (Patch(),)), 3, 7, Bench())
        same = clip.frames == scan.frames[3:7]
        same[..., 0, 0] = True
        assert same.all()
        assert Origin.shares(clip.origin)["borrowed"] == pytest.approx(1 / 48)


def test_footage_gives_every_frame_once_and_refuses_to_join_shots() -> None:
    footage = Footage(source(), (Span(0, 5), Span(5, 12)), Space.DENSITY)
    assert [clip.first for clip in footage.frames()] == list(range(12))
    windows = [(numbers, clip.numbers) for numbers, clip in footage.windows(4, halo=2)]
    assert windows[0] == (range(0, 4), range(0, 5))
    assert windows[2] == (range(5, 9), range(5, 11))
    with pytest.raises(IndexError, match="not within one shot"):
        footage.clip(4, 6)


@pytest.mark.parametrize(("length", "halo"), [(1, 3), (2, 3), (3, 1), (4, 0), (5, 2), (12, 4)])
def test_windows_with_a_halo_show_what_clips_show_and_open_each_frame_once(length: int, halo: int) -> None:
    scan = source()
    read: list[int] = []

    class Counted:
        space, white = scan.space, scan.white

        def read(self, first: int, stop: int) -> Clip:
            read.extend(range(first, stop))
            return scan.read(first, stop)

    spans = (Span(0, 7, (Patch(),)), Span(7, 12, (Patch(), Averaging())))
    footage = Footage(Counted(), spans, Space.DENSITY)
    seen = []
    for numbers, clip in footage.windows(length, halo=halo):
        span = spans[0] if numbers[0] < 7 else spans[1]
        assert clip.numbers == range(max(numbers[0] - halo, span.first), min(numbers[-1] + 1 + halo, span.stop))
        seen.append(clip)
    assert [n for n in read if n < 7] == list(range(7))
    for clip in seen:
        again = Footage(scan, spans, Space.DENSITY).clip(clip.first, clip.stop)
        assert torch.equal(clip.frames, again.frames)
        assert torch.equal(clip.origin, again.origin)


def test_a_sample_is_spread_over_all_shots() -> None:
    footage = Footage(source(), (Span(0, 5), Span(5, 12)), Space.DENSITY)
    numbers = [clip.first for clip in footage.sample(4)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 4
    assert len(list(footage.sample(99))) == 12


def test_a_remedy_survives_being_stored() -> None:
    gains = torch.linspace(0, 1, 7).numpy()
    json, blobs = Curve(name="x", gains=gains).dumped()
    assert "blob" in json
    again = Curve.loaded(json, blobs)
    assert (again.gains == gains).all()
    assert again.name == "x"
