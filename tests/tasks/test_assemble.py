from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from restorers.colorspace import Space
from tasks.media.assemble import assembled, content_light_unit, suffix_of
from tasks.media.encode import Ffv1Spec, Hdr10Spec, OriginSpec, SdrSpec, Spec
from tasks.media.ffmpeg import EncodeError, run
from tasks.media.fixity import frame_digests
from tests.tasks.test_encode import SIZE, decoded, disk_with_room_for, pictures, sha256, written

NTSC = Fraction(24000, 1001)
SPECS: list[Spec] = [
    Ffv1Spec(**SIZE, fps=NTSC, bit_depth=12, space=Space.REC709),
    OriginSpec(**SIZE, fps=NTSC),
    SdrSpec(**SIZE, fps=NTSC),
    Hdr10Spec(**SIZE, fps=NTSC),
]
LIGHT = (983, 131)


def light_of(spec: Spec) -> tuple[int, int] | None:
    return LIGHT if isinstance(spec, Hdr10Spec) else None


def segments(folder: Path, spec: Spec, lengths: tuple[int, ...] = (7, 1, 12)) -> list[Path]:
    """Written apart, of unequal length, one of a single frame, with a quote and a space in their names."""
    frames = pictures(sum(lengths), spec)
    found = []
    for i, length in enumerate(lengths):
        found.append(folder / f"reel's {i}.mkv")
        written(found[-1], spec, frames[:length])
        frames = frames[length:]
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_a_master_shows_the_frames_of_its_segments_at_exact_times(tmp_path: Path, spec: Spec):
    parts = segments(tmp_path, spec)
    target = tmp_path / f"reel{suffix_of(spec)}"
    assembled(parts, target, spec, frames=20, light=light_of(spec))

    assert frame_digests(target) == [digest for part in parts for digest in frame_digests(part)]
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == NTSC
        times = sorted(packet.pts * packet.time_base for packet in container.demux(stream) if packet.size)
    tolerance = Fraction(1, 2000) if spec.lossless else 0  # Matroska counts milliseconds
    assert all(abs(time - i / NTSC) <= tolerance for i, time in enumerate(times))


@pytest.mark.parametrize("fps", [Fraction(16), Fraction(18), Fraction(25), Fraction(50, 3)])
@pytest.mark.parametrize("kind", [Ffv1Spec, SdrSpec])
def test_the_frame_rate_is_read_back_exactly(tmp_path: Path, fps: Fraction, kind: type[Ffv1Spec | SdrSpec]):
    more = {"bit_depth": 8, "space": Space.SRGB} if kind is Ffv1Spec else {}
    spec = kind(**SIZE, fps=fps, **more)
    target = tmp_path / f"reel{suffix_of(spec)}"
    assembled(segments(tmp_path, spec), target, spec, frames=20)
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == fps


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_the_same_segments_give_the_same_bytes_and_keep_their_tags(tmp_path: Path, spec: Spec):
    parts = segments(tmp_path, spec)
    made = [
        assembled(
            parts,
            tmp_path / f"{name}{suffix_of(spec)}",
            spec,
            frames=20,
            light=light_of(spec),
            title="Harbor survey",
            timecode="01:00:00:00",
        )
        for name in "ab"
    ]
    assert sha256(made[0]) == sha256(made[1])
    with av.open(str(made[0])) as master, av.open(str(parts[0])) as part:
        streams = [container.streams.video[0] for container in (master, part)]
        tags = [
            (c.codec_context.color_range, c.codec_context.color_primaries, c.codec_context.color_trc) for c in streams
        ]
        assert tags[0] == tags[1]
        assert master.metadata["title"] == "Harbor survey"
        named = {name.lower(): value for name, value in (master.metadata | streams[0].metadata).items()}
        assert named["timecode"] == "01:00:00:00"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*(p.name for p in parts), *(m.name for m in made)])


@pytest.mark.parametrize("light", [(983, 131), (256, 0), (1, 0), (65535, 3)])
def test_measured_light_levels_reach_the_decoder_from_the_pictures_alone(tmp_path: Path, light: tuple[int, int]):
    spec = SPECS[3]
    target = assembled(segments(tmp_path, spec, (3, 2)), tmp_path / "reel.mp4", spec, frames=5, light=light)
    raw = tmp_path / "reel.hevc"  # no container: only messages in the pictures are left
    run(["-i", f"file:{target}", "-c", "copy", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", f"file:{raw}"])

    for path in (target, raw):
        frames = decoded(path)
        assert len(frames) == 5
        for frame in (frames[0], frames[3]):  # each first of its segment
            sides = {side.type.name: bytes(side) for side in frame.side_data}
            assert tuple(np.frombuffer(sides["CONTENT_LIGHT_LEVEL"], np.uint32)) == light
            assert "MASTERING_DISPLAY_METADATA" in sides


def test_an_hdr_master_says_its_light_levels_in_the_container_too(tmp_path: Path):
    spec = SPECS[3]
    target = assembled(segments(tmp_path, spec, (2,)), tmp_path / "reel.mp4", spec, frames=2, light=LIGHT)
    content = target.read_bytes()
    assert content[content.index(b"clli") + 4 :][:4] == (983).to_bytes(2, "big") + (131).to_bytes(2, "big")
    display = np.frombuffer(content[content.index(b"mdcv") + 4 :][:24], ">u2")
    assert display[:8].tolist() == [13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450]  # P3, D65
    assert np.frombuffer(display[8:].tobytes(), ">u4").tolist() == [10_000_000, 50]


@pytest.mark.parametrize(
    ("fps", "timecode", "in_mp4"),
    [
        (Fraction(18), "01:02:03:17", "01:02:03:17"),
        (Fraction(18), "01:02:03:18", None),
        (Fraction(30000, 1001), "01:02:03;04", "01:02:03;04"),
        (Fraction(24), "01:02:03;04", None),
    ],
)
def test_a_timecode_is_kept_as_it_is_or_left_out_never_changed(tmp_path: Path, fps: Fraction, timecode: str, in_mp4):
    lossless, copy = Ffv1Spec(**SIZE, fps=fps, bit_depth=8, space=Space.SRGB), SdrSpec(**SIZE, fps=fps)
    for spec, expected in ((lossless, timecode), (copy, in_mp4)):
        target = tmp_path / f"reel{suffix_of(spec)}"
        assembled(segments(tmp_path, spec, (2,)), target, spec, frames=2, timecode=timecode)
        with av.open(str(target)) as container:
            named = container.metadata | container.streams.video[0].metadata
        assert named.get("TIMECODE", named.get("timecode")) == expected
    with pytest.raises(ValueError, match="a timecode is written"):
        assembled(segments(tmp_path, copy, (2,)), tmp_path / "reel.mp4", copy, frames=2, timecode="1:2:3")


def test_access_copies_have_their_index_in_front(tmp_path: Path):
    spec = SPECS[2]
    content = assembled(segments(tmp_path, spec), tmp_path / "reel.mp4", spec, frames=20).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_an_hdr_master_keeps_parameter_sets_in_its_header_alone(tmp_path: Path):
    spec = SPECS[3]
    target = assembled(segments(tmp_path, spec), tmp_path / "reel.mp4", spec, frames=20, light=LIGHT)
    assert b"hvc1" in target.read_bytes()
    with av.open(str(target)) as container:
        for packet in container.demux(container.streams.video[0]):
            content, at = bytes(packet), 0
            while at < len(content):
                assert content[at + 4] >> 1 & 0x3F not in {32, 33, 34}
                at += 4 + int.from_bytes(content[at : at + 4], "big")


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2]], ids=lambda spec: spec.kind)
def test_a_missing_segment_is_an_error_and_publishes_nothing(tmp_path: Path, spec: Spec):
    parts = segments(tmp_path, spec)
    target = tmp_path / f"reel{suffix_of(spec)}"
    with pytest.raises(EncodeError, match="would hold 19 frames, but the reel has 20"):
        assembled([parts[0], parts[2]], target, spec, frames=20)
    parts[1].unlink()
    with pytest.raises(EncodeError, match="reel's 1"):
        assembled(parts, target, spec, frames=20)
    assert sorted(p.name for p in tmp_path.iterdir()) == [parts[0].name, parts[2].name]


@pytest.mark.parametrize(
    "other",
    [
        Ffv1Spec(**SIZE, fps=NTSC, bit_depth=10, space=Space.REC709),
        Ffv1Spec(height=67, width=93, fps=NTSC, bit_depth=12, space=Space.REC709),
        OriginSpec(**SIZE, fps=NTSC),
    ],
)
def test_a_segment_of_another_kind_is_not_joined(tmp_path: Path, other: Spec):
    parts = segments(tmp_path, SPECS[0])
    written(tmp_path / "other.mkv", other, pictures(2, other))
    with pytest.raises(EncodeError, match=r"other\.mkv was not written like"):
        assembled([*parts, tmp_path / "other.mkv"], tmp_path / "reel.mkv", SPECS[0], frames=22)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_a_full_disk_leaves_the_old_master_alone(tmp_path: Path, spec: Spec):
    parts = segments(tmp_path, spec)
    target = tmp_path / f"reel{suffix_of(spec)}"
    target.write_bytes(b"the master of last week")
    with disk_with_room_for(1500), pytest.raises(EncodeError):
        assembled(parts, target, spec, frames=20, light=light_of(spec))
    assert target.read_bytes() == b"the master of last week"
    assert len(list(tmp_path.iterdir())) == len(parts) + 1


def test_light_levels_are_asked_of_hdr_and_of_nothing_else(tmp_path: Path):
    with pytest.raises(ValueError, match="hdr10, which needs them"):
        assembled([tmp_path / "a"], tmp_path / "reel.mp4", SPECS[3], frames=1)
    with pytest.raises(ValueError, match="belong to hdr10"):
        assembled([tmp_path / "a"], tmp_path / "reel.mp4", SPECS[2], frames=1, light=LIGHT)
    with pytest.raises(ValueError, match="below 65536"):
        content_light_unit(65536, 0)
