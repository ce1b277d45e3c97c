import gzip
import io
import struct
import tarfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tasks.media import MediaError, OutsideVault, ScanFaults, Unreadable
from tasks.media.index import ScanIndex
from tasks.media.probe import indexed
from tests.tasks import flavors

TEN = (10, 1)


@pytest.fixture
def files() -> list[bytes]:
    return [
        flavors.dpx(codes, *TEN, film_rate=24.0, timecode=0x01000000 + n)
        for n, codes in enumerate(flavors.pictures(6, 10))
    ]


def faults(vault: Path, **scan: object) -> dict[str, str]:
    with pytest.raises(ScanFaults) as caught:
        indexed(flavors.reel(**scan), [vault])  # type: ignore[arg-type]
    assert all(
        f"frame {f.first}" in str(caught.value) or f"frames {f.first}" in str(caught.value) for f in caught.value.faults
    )
    assert all(f.file in str(caught.value) and "reel r1" in str(caught.value) for f in caught.value.faults)
    return {f"{f.kind} {f.first}-{f.last}": f.found for f in caught.value.faults}


def test_a_sound_scan_is_told_as_its_headers_tell_it(tmp_path: Path, files: list[bytes]) -> None:
    index, _ = indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r1", files, first=100)), [tmp_path])
    assert (index.first, index.stop, index.runs) == (100, 106, (range(100, 106),))
    assert (index.height, index.width, index.bit_depth, index.channels) == (*flavors.SIZE, 10, 3)
    assert (index.fps, index.timecode, index.white, index.warnings) == (Fraction(24), "01:00:00:00", 1023.0, ())
    assert index.layout == "DPX big-endian, 10 bit filled A"


def test_an_index_comes_back_from_its_json(tmp_path: Path, files: list[bytes]) -> None:
    index, _ = indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r1", files)), [tmp_path])
    assert ScanIndex.loaded(index.dumped()) == index
    assert ScanIndex.loaded(index.dumped()).dumped() == index.dumped()


def test_the_digest_of_some_frames_is_theirs_alone(tmp_path: Path, files: list[bytes]) -> None:
    before, _ = indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r1", files)), [tmp_path])
    files[5] = files[5][:-1] + bytes([files[5][-1] ^ 4])
    after, _ = indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r1", files)), [tmp_path])
    assert before.digest(1, 6) == after.digest(1, 6)
    assert before.digest(1, 7) != after.digest(1, 7)


def test_every_raw_header_is_kept(tmp_path: Path, files: list[bytes]) -> None:
    files[3] = flavors.dpx(flavors.pictures(1, 10)[0], *TEN, offset=8192)
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", files))
    _, packed = indexed(reel, [tmp_path])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        kept = [tar.extractfile(name).read() for name in tar.getnames()]  # type: ignore[union-attr]
    assert kept == [file[: 8192 if n == 3 else 2048] for n, file in enumerate(files)]
    assert indexed(reel, [tmp_path], workers=3)[1] == packed


def test_the_work_done_is_told_frame_by_frame(tmp_path: Path, files: list[bytes]) -> None:
    told: list[tuple[int, int]] = []
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", files))
    indexed(reel, [tmp_path], on_frame=lambda done, of: told.append((done, of)))
    assert told == [(n, 6) for n in range(1, 7)]


def test_all_faults_are_told_at_once_and_before_any_digest(tmp_path: Path, files: list[bytes]) -> None:
    big = flavors.pictures(1, 10, size=(10, 14))[0]
    files += [
        b"",
        files[0][:-40],
        flavors.dpx(big, *TEN),
        flavors.dpx(flavors.pictures(1, 12)[0], 12, 1),
        flavors.dpx(flavors.pictures(1, 10)[0], 10, 2),
        flavors.dpx(flavors.pictures(1, 10)[0], 10, 1, film_rate=18.0),
        flavors.dpx(flavors.pictures(1, 10)[0, ..., :1], 10, 1, channels=1),
    ]
    pattern = flavors.sequence(tmp_path / "r1", files)
    (tmp_path / "r1" / "0000003.dpx").unlink()
    (tmp_path / "r1" / "0000004.dpx").unlink()
    told: list[int] = []
    with pytest.raises(ScanFaults) as caught:
        indexed(flavors.reel(frames=pattern), [tmp_path], on_frame=lambda done, _: told.append(done))
    assert [(f.kind, f.first, f.last, f.file) for f in caught.value.faults] == [
        ("gaps", 3, 4, "r1/0000003.dpx"),
        ("truncated", 7, 7, "r1/0000007.dpx"),
        ("truncated", 8, 8, "r1/0000008.dpx"),
        ("size-change", 9, 9, "r1/0000009.dpx"),
        ("size-change", 10, 10, "r1/0000010.dpx"),
        ("size-change", 11, 11, "r1/0000011.dpx"),
        ("fps-mismatch", 12, 12, "r1/0000012.dpx"),
        ("unreadable", 13, 13, "r1/0000013.dpx"),
    ]
    assert told == []


def test_faults_that_say_the_same_of_many_frames_are_told_once(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert faults(tmp_path, frames=pattern, fps="18") == {
        "fps-mismatch 1-6": "the film header says 24 frames a second, the manifest 18"
    }


def test_a_rate_of_24_is_told_from_24000_over_1001(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert "fps-mismatch 1-6" in faults(tmp_path, frames=pattern, fps="24000/1001")
    near = [flavors.dpx(codes, *TEN, film_rate=23.976) for codes in flavors.pictures(2, 10)]
    index, _ = indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r2", near), fps="24000/1001"), [tmp_path])
    assert index.fps == Fraction(24000, 1001)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_rate_that_means_nothing_is_no_fault(tmp_path: Path, rate: float) -> None:
    file = flavors.dpx(flavors.pictures(1, 10)[0], *TEN, film_rate=rate)
    assert indexed(flavors.reel(frames=flavors.sequence(tmp_path / "r1", [file])), [tmp_path])[0].fps is None


def test_an_allowed_gap_is_named_and_parts_the_reel(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files)
    (tmp_path / "r1" / "0000003.dpx").unlink()
    index, _ = indexed(flavors.reel(frames=pattern, allow=("gaps",)), [tmp_path])
    assert index.runs == (range(1, 3), range(4, 7))
    assert index.warnings == (
        "allowed: frame 3 (r1/0000003.dpx): gaps: 1 frame is missing; find them, or allow 'gaps'",
    )


def test_missing_frames_at_both_ends_are_gaps_too(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files, first=10)
    assert set(faults(tmp_path, frames=pattern, first=8, last=17)) == {"gaps 8-9", "gaps 16-17"}


def test_first_and_last_choose_among_the_files(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", [*files, b""])
    index, _ = indexed(flavors.reel(frames=pattern, first=2, last=4), [tmp_path])
    assert [frame.number for frame in index.frames] == [2, 3, 4]


def test_a_change_of_packing_may_be_allowed_and_a_change_of_depth_may_not(tmp_path: Path, files: list[bytes]) -> None:
    files[3] = flavors.dpx(flavors.pictures(1, 10)[0], 10, 2)
    pattern = flavors.sequence(tmp_path / "r1", files)
    index, _ = indexed(flavors.reel(frames=pattern, allow=("size-change",)), [tmp_path])
    assert "filled B" in index.warnings[0]
    files[4] = flavors.dpx(flavors.pictures(1, 16)[0], 16, 0)
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert list(faults(tmp_path, frames=pattern, allow=("size-change",))) == ["size-change 5-5"]


def test_a_file_shorter_than_its_header_says_may_be_allowed_if_its_pixels_are_there(
    tmp_path: Path, files: list[bytes]
) -> None:
    files[0] = files[0][:16] + struct.pack(">I", 5_000_000) + files[0][20:]
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert "5000000" in faults(tmp_path, frames=pattern)["truncated 1-1"]
    index, _ = indexed(flavors.reel(frames=pattern, allow=("truncated",)), [tmp_path])
    assert len(index.warnings) == 1
    files[1] = files[1][:-1]
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert list(faults(tmp_path, frames=pattern, allow=("truncated",))) == ["truncated 2-2"]


@pytest.mark.parametrize("suffix", ["tif", "png", "exr"])
def test_truncated_stills_are_found_in_their_headers(tmp_path: Path, suffix: str) -> None:
    codes = flavors.pictures(3, 16, size=(40, 40))
    (tmp_path / "r1").mkdir()
    for n, code in enumerate(codes):
        path = tmp_path / "r1" / f"{n:04d}.{suffix}"
        kind = "half" if suffix == "exr" else "uint16"
        flavors.still(path, code if kind == "uint16" else (code / 65535).astype(np.float16), kind)
        if n == 1:
            path.write_bytes(path.read_bytes()[: -200 if suffix == "tif" else -1])
    found = faults(tmp_path, frames=f"r1/%04d.{suffix}")
    assert list(found) == ["truncated 1-1"] or (suffix == "tif" and list(found) == ["unreadable 1-1"])


def test_a_bit_depth_that_the_file_cannot_hold_is_refused(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files)
    assert "cannot hold the 12-bit codes" in faults(tmp_path, frames=pattern, bit_depth=12)["unreadable 1-6"]


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (806, struct.pack(">H", 1), "run-length"),
        (800, bytes([102]), "CbYCr"),
        (770, struct.pack(">H", 3), "3 image elements"),
        (780, struct.pack(">I", 1), "signed"),
        (660, struct.pack(">I", 7), "encrypted"),
        (808, struct.pack(">I", 4096), "also that they begin at byte 4096"),
        (803, bytes([14]), "14 bits"),
        (804, struct.pack(">H", 9), "packing 9"),
        (1928, bytes([1]), "interlaced"),
        (772, struct.pack(">II", 65000, 65000), "of the"),
        (0, b"JUNK", "none of DPX, TIFF, OpenEXR and PNG"),
    ],
)
def test_a_flavor_that_cannot_be_read_exactly_is_refused_with_its_reason(
    tmp_path: Path, files: list[bytes], at: int, value: bytes, reason: str
) -> None:
    file = files[0][:at] + value + files[0][at + len(value) :]
    (found,) = faults(tmp_path, frames=flavors.sequence(tmp_path / "r1", [file])).values()
    assert reason in found


def test_a_frame_that_is_a_link_out_of_the_vault_is_refused(tmp_path: Path, files: list[bytes]) -> None:
    vault = tmp_path / "vault"
    pattern = flavors.sequence(vault / "r1", files)
    (tmp_path / "elsewhere.dpx").write_bytes(files[0])
    (vault / "r1" / "0000007.dpx").symlink_to(tmp_path / "elsewhere.dpx")
    with pytest.raises(OutsideVault):
        indexed(flavors.reel(frames=pattern), [vault])


@pytest.mark.parametrize("pattern", ["r1/9%07d.dpx", "r1/%06d.dpx", "r1/%07d.DPX", "r1/%07d_dpx", "r2/%07d.dpx"])
def test_a_pattern_that_fits_no_file_is_refused(tmp_path: Path, files: list[bytes], pattern: str) -> None:
    flavors.sequence(tmp_path / "r1", files)
    with pytest.raises(MediaError, match=r"no file in the vault fits|none of the vault roots"):
        indexed(flavors.reel(frames=pattern), [tmp_path])


@pytest.mark.parametrize("scan", [{"frames": "s3://scans/r1/%07d.dpx"}, {"movie": "s3://scans/r1.mkv"}])
def test_a_scan_in_s3_is_refused_by_name(tmp_path: Path, scan: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="S3 vaults are not readable yet"):
        indexed(flavors.reel(**scan), [tmp_path])  # type: ignore[arg-type]


def test_frame_numbers_may_outgrow_their_width(tmp_path: Path, files: list[bytes]) -> None:
    (tmp_path / "r1").mkdir()
    for number, file in zip(range(8, 12), files, strict=False):
        (tmp_path / "r1" / f"{number}.dpx").write_bytes(file)
    index, _ = indexed(flavors.reel(frames="r1/%01d.dpx"), [tmp_path])
    assert [frame.file for frame in index.frames] == ["r1/8.dpx", "r1/9.dpx", "r1/10.dpx", "r1/11.dpx"]


def test_a_scan_is_left_as_it_was_found(tmp_path: Path, files: list[bytes]) -> None:
    pattern = flavors.sequence(tmp_path / "r1", files)
    for path in (tmp_path / "r1").iterdir():
        path.chmod(0o444)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "r1").iterdir()}
    indexed(flavors.reel(frames=pattern), [tmp_path])
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "r1").iterdir()} == before


class TestMovies:
    """Faults of scans held as a movie."""

    CODES = flavors.pictures(8, 10, size=(32, 48))

    def ffv1(self, path: Path, **settings: object) -> str:
        flavors.movie(path, self.CODES, "ffv1", "gbrp10le", options={"slicecrc": "1", "level": "3"}, **settings)  # type: ignore[arg-type]
        return path.name

    def test_a_movie_is_told_as_its_container_tells_it(self, tmp_path: Path) -> None:
        index, packed = indexed(flavors.reel(movie=self.ffv1(tmp_path / "a.mkv"), fps=None), [tmp_path])
        assert (index.first, index.stop, index.bit_depth, index.fps) == (0, 8, 10, Fraction(24))
        assert (index.height, index.width, packed) == (32, 48, b"")
        assert index.warnings == ()

    def test_one_flipped_byte_in_a_slice_is_found_before_any_work(self, tmp_path: Path) -> None:
        name = self.ffv1(tmp_path / "a.mkv")
        content = bytearray((tmp_path / name).read_bytes())
        content[len(content) // 2] ^= 16
        (tmp_path / name).write_bytes(content)
        (found,) = faults(tmp_path, movie=name).values()
        assert "the decoder complains" in found

    def test_a_movie_that_ends_early_is_refused(self, tmp_path: Path) -> None:
        name = self.ffv1(tmp_path / "a.mkv")
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        assert any(kind.startswith(("truncated", "unreadable")) for kind in faults(tmp_path, movie=name))

    def test_another_rate_than_the_manifests_is_refused_unless_allowed(self, tmp_path: Path) -> None:
        name = self.ffv1(tmp_path / "a.mkv")
        assert list(faults(tmp_path, movie=name, fps="18")) == ["fps-mismatch 0-0"]
        index, _ = indexed(flavors.reel(movie=name, fps="18", allow=("fps-mismatch",)), [tmp_path])
        assert "24 frames a second, the manifest 18" in index.warnings[0]

    def test_frames_that_are_not_evenly_spaced_are_told(self, tmp_path: Path) -> None:
        def late(frame: object, number: int) -> None:
            frame.pts = number + 3 * (number >= 5)  # type: ignore[attr-defined]

        name = self.ffv1(tmp_path / "a.mkv", edit=late)
        assert any("not evenly spaced" in found for found in faults(tmp_path, movie=name).values())

    def test_frames_beyond_the_end_are_not_asked_for_in_vain(self, tmp_path: Path) -> None:
        name = self.ffv1(tmp_path / "a.mkv")
        assert "frames 0-7" in next(iter(faults(tmp_path, movie=name, last=20).values()))
        index, _ = indexed(flavors.reel(movie=name, first=2, last=5), [tmp_path])
        assert [frame.number for frame in index.frames] == [2, 3, 4, 5]

    def test_a_list_of_other_files_is_not_opened_as_a_movie(self, tmp_path: Path) -> None:
        self.ffv1(tmp_path / "a.mkv")
        (tmp_path / "b.mkv").write_text("ffconcat version 1.0\nfile a.mkv\n")
        (found,) = faults(tmp_path, movie="b.mkv").values()
        assert "not a Matroska" in found

    def test_codecs_that_machines_decode_differently_are_refused(self, tmp_path: Path) -> None:
        flavors.movie(tmp_path / "a.mkv", self.CODES >> 2, "mpeg4", "yuv420p")
        (found,) = faults(tmp_path, movie="a.mkv").values()
        assert "coded as mpeg4" in found
