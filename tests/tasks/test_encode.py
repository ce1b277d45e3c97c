import hashlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from restorers.colorspace import Space
from tasks.media.encode import Codes, Ffv1Spec, Hdr10Spec, OriginSpec, SdrSpec, SegmentWriter, Spec, frame_count
from tasks.media.ffmpeg import EncodeError, Ffmpeg, binary, run
from tasks.media.fixity import frame_digests

SIZE = {"height": 67, "width": 91}
FPS = Fraction(18)
SPECS: list[Spec] = [
    Ffv1Spec(**SIZE, fps=FPS, bit_depth=10, space=Space.PRINTING_DENSITY),
    OriginSpec(**SIZE, fps=FPS),
    SdrSpec(**SIZE, fps=FPS),
    Hdr10Spec(**SIZE, fps=FPS),
]


def pictures(count: int, spec: Spec, seed: int = 0) -> list[Codes]:
    """A noisy ramp that moves; every code up to the greatest may occur."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: spec.height, : spec.width]
    found = []
    for i in range(count):
        ramp = (np.stack([x + 3 * i, 2 * y + i, x + y], -1) % 128) / 128
        light = np.clip(ramp + random.normal(0, 0.02, ramp.shape), 0, 1)
        codes = (light * (2**spec.bits - 1)).round().astype(np.uint8 if spec.bits == 8 else np.uint16)
        codes[0, 0], codes[0, 1] = 0, 2**spec.bits - 1
        found.append(codes[..., 0] if isinstance(spec, OriginSpec) else codes)
    return found


def written(path: Path, spec: Spec, frames: list[Codes]) -> SegmentWriter:
    with SegmentWriter(path, spec) as writer:
        for codes in frames:
            writer.write(codes)
    return writer


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(container.streams.video[0]))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_lossless_master_decodes_to_the_codes_it_was_given(tmp_path: Path, bits: int):
    spec = Ffv1Spec(**SIZE, fps=FPS, bit_depth=bits, space=Space.REC709)
    frames = pictures(3, spec)
    writer = written(tmp_path / "a.mkv", spec, frames)

    for frame, codes in zip(decoded(tmp_path / "a.mkv"), frames, strict=True):
        assert frame.format.name == ("bgr0" if bits == 8 else f"gbrp{bits}le")
        planes = [np.frombuffer(plane, "<u1" if bits == 8 else "<u2").reshape(67, -1) for plane in frame.planes]
        if bits == 8:
            found = planes[0].reshape(67, -1, 4)[:, :91, 2::-1]
        else:
            green, blue, red = (plane[:, :91] for plane in planes)
            found = np.stack([red, green, blue], -1)
        assert np.array_equal(found, codes)
    assert frame_digests(tmp_path / "a.mkv") == writer.digests


def test_an_origin_map_decodes_to_its_marks(tmp_path: Path):
    spec = OriginSpec(**SIZE, fps=FPS)
    frames = pictures(2, spec)
    written(tmp_path / "a.mkv", spec, frames)
    for frame, marks in zip(decoded(tmp_path / "a.mkv"), frames, strict=True):
        assert np.array_equal(frame.to_ndarray(format="gray"), marks)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path):
    digests = []
    for run_ in range(2):
        for spec in SPECS:
            written(tmp_path / f"{run_}.{spec.kind}", spec, pictures(5, spec))
        digests.append([sha256(tmp_path / f"{run_}.{spec.kind}") for spec in SPECS])
        time.sleep(1.1)  # a date would differ
    assert digests[0] == digests[1]


def test_what_is_left_in_memory_is_in_no_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """x264's rate control by macroblock trees reads memory that nothing was written to, 16 macroblocks a row apart."""
    size = {"height": 144, "width": 208}
    access = SdrSpec(**size, fps=FPS), Hdr10Spec(**size, fps=FPS)
    digests = []
    for left in ("1", "254"):
        monkeypatch.setenv("MALLOC_PERTURB_", left)  # glibc fills what it hands out with such bytes
        for spec in access:
            written(tmp_path / f"{left}.{spec.kind}", spec, pictures(12, spec))
        digests.append([sha256(tmp_path / f"{left}.{spec.kind}") for spec in access])
    assert digests[0] == digests[1]


@pytest.mark.parametrize("spec", SPECS[:2], ids=lambda spec: spec.kind)
def test_a_lossless_master_is_ffv1_version_3_with_a_checksum_on_each_of_16_slices(tmp_path: Path, spec: Spec):
    written(tmp_path / "a.mkv", spec, pictures(1, spec))
    _, header = run(["-loglevel", "debug", "-debug", "pict", "-i", f"file:{tmp_path / 'a.mkv'}", "-f", "null", "-"])
    assert re.search(r"ver:3\.\d+, .*slices:4x4 .*ec:1 intra:1", header)


def test_every_frame_of_a_lossless_master_stands_alone(tmp_path: Path):
    written(tmp_path / "a.mkv", SPECS[0], pictures(4, SPECS[0]))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert [packet.is_keyframe for packet in container.demux() if packet.size] == [True] * 4


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    # 8-bit narrow-range codes of 100 % colour bars, ITU-R BT.709
    [
        ((1, 1, 1), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((1, 0, 0), (63, 102, 240)),
        ((0, 1, 0), (173, 42, 26)),
        ((0, 0, 1), (32, 240, 118)),
    ],
)
def test_sdr_colors_are_the_published_codes_of_bt709(tmp_path: Path, rgb, ycbcr):
    spec = SdrSpec(height=64, width=64, fps=FPS, crf=4)
    written(tmp_path / "a.mkv", spec, [np.full((64, 64, 3), 65535, np.uint16) * np.array(rgb, np.uint16)])
    (frame,) = decoded(tmp_path / "a.mkv")
    planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    means = [float(plane.mean()) for plane in planes]
    assert means == pytest.approx(ycbcr, abs=1.0)


@pytest.mark.parametrize(("nits", "code"), [(0.5081, 509), (0.5807, 573), (0.7518, 723), (1.0, 940)])
def test_hdr_white_levels_are_the_published_codes_of_pq(tmp_path: Path, nits, code):
    # 100, 203, 1000 and 10000 cd/m2, ITU-R BT.2100 and BT.2408
    spec = Hdr10Spec(height=64, width=64, fps=FPS, crf=4)
    written(tmp_path / "a.mkv", spec, [np.full((64, 64, 3), round(nits * 65535), np.uint16)])
    (frame,) = decoded(tmp_path / "a.mkv")
    luma = np.frombuffer(frame.planes[0], "<u2").reshape(64, -1)[:, :64]
    assert float(luma.mean()) == pytest.approx(code, abs=1.0)


def test_each_master_says_what_its_numbers_mean(tmp_path: Path):
    specs = [Ffv1Spec(**SIZE, fps=FPS, bit_depth=10, space=Space.REC709), *SPECS]
    tags = {}
    for i, spec in enumerate(specs):
        written(tmp_path / f"{i}.mkv", spec, pictures(1, spec))
        with av.open(str(tmp_path / f"{i}.mkv")) as container:
            coder = container.streams.video[0].codec_context
            tags[i, spec.kind] = (coder.color_range, coder.color_primaries, coder.color_trc, coder.colorspace)
    # Numbers of ITU-T H.273; ranges: 1 narrow, 2 full
    assert tags == {
        (0, "ffv1"): (2, 1, 1, 0),
        (1, "ffv1"): (2, 2, 2, 0),
        (2, "origin"): (2, 2, 2, 2),
        (3, "sdr"): (1, 1, 1, 1),
        (4, "hdr10"): (1, 9, 16, 9),
    }


def test_an_access_copy_of_odd_size_repeats_its_last_row_and_column(tmp_path: Path):
    spec = SdrSpec(**SIZE, fps=FPS, crf=2)
    (codes,) = pictures(1, spec)
    written(tmp_path / "odd.mkv", spec, [codes])
    even = SdrSpec(height=68, width=92, fps=FPS, crf=2)
    written(tmp_path / "even.mkv", even, [np.pad(codes, ((0, 1), (0, 1), (0, 0)), mode="edge")])
    assert frame_digests(tmp_path / "odd.mkv") == frame_digests(tmp_path / "even.mkv")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((67, 90, 3), np.uint16), r"\(67, 90, 3\)"),
        (np.zeros((67, 91, 3), np.uint8), "uint8"),
        (np.full((67, 91, 3), 1024, np.uint16), "1024, more than 10 bits"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused_and_leaves_no_file(tmp_path: Path, codes, message: str):
    with pytest.raises(ValueError, match=message):
        written(tmp_path / "a.mkv", SPECS[0], [codes])
    assert list(tmp_path.iterdir()) == []


def test_a_segment_without_frames_is_an_error(tmp_path: Path):
    with pytest.raises(EncodeError, match="no frame was written"):
        written(tmp_path / "a.mkv", SPECS[0], [])
    assert list(tmp_path.iterdir()) == []


def test_a_render_that_breaks_off_leaves_no_file_and_no_ffmpeg(tmp_path: Path):
    writer = SegmentWriter(tmp_path / "a.mkv", SPECS[0])
    fits, does_not = pictures(1, SPECS[0])[0], np.zeros((1, 1, 3), np.uint16)

    def break_off() -> None:
        with writer:
            writer.write(fits)
            writer.write(does_not)

    with pytest.raises(ValueError, match="frame 1 of the segment"):
        break_off()
    assert list(tmp_path.iterdir()) == []
    assert writer._ffmpeg._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2]], ids=lambda spec: spec.kind)
def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path: Path, spec: Spec):
    with disk_with_room_for(2000), pytest.raises(EncodeError, match="ffmpeg ended"):
        written(tmp_path / "a.mkv", spec, pictures(12, spec))
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_dies_with_a_render_that_is_killed(tmp_path: Path):
    script = (
        "import sys, time; from pathlib import Path; "
        "from tests.tasks.test_encode import SPECS, SegmentWriter, pictures; "
        "w = SegmentWriter(Path(sys.argv[1]), SPECS[0]); w.__enter__(); "
        "[w.write(c) for c in pictures(3, SPECS[0])]; print(w._ffmpeg._process.pid, flush=True); time.sleep(60)"
    )
    path = tmp_path / "a.mkv"
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as render:
        assert render.stdout is not None
        pid = int(render.stdout.readline())
        assert _alive(pid)
        render.kill()
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)
    assert not path.exists()


def test_an_ffmpeg_that_fails_says_its_command_and_why():
    with pytest.raises(EncodeError, match=r"No such file(?s:.)*missing\.mkv"):
        run(["-i", "file:/missing.mkv", "-f", "null", "-"])


def test_an_ffmpeg_that_stalls_is_ended():
    never = ["-re", "-f", "lavfi", "-i", "testsrc2=r=1:d=60", "-f", "null", "-"]
    began = time.monotonic()
    with (
        pytest.raises(EncodeError, match=r"did not end|neither read nor wrote"),
        Ffmpeg(never, stall_seconds=0.5) as it,
    ):
        it.finish()
    assert time.monotonic() - began < 10
    assert it._process.returncode == -signal.SIGKILL


def test_the_ffmpeg_is_the_one_of_the_wheel():
    assert "imageio_ffmpeg" in binary().parts


def test_a_file_cut_short_is_not_counted_as_whole(tmp_path: Path):
    path = tmp_path / "a.mkv"
    written(path, SPECS[0], pictures(4, SPECS[0]))
    os.truncate(path, path.stat().st_size // 2)
    assert frame_count(path) < 4
    path.write_bytes(b"not a movie")
    with pytest.raises(EncodeError, match="not a whole movie"):
        frame_count(path)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
