from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from manifests.reel import Reel
from restorers.colorspace import Space
from tasks.media import Altered, OutsideVault, Unreadable
from tasks.media.decode import MovieSource, SequenceSource, encoded_codes, opened_source
from tasks.media.probe import indexed
from tasks.media.yuv import cosited, rgb_codes
from tests.tasks import flavors


def opened(reel: Reel, vault: Path, *, workers: int = 1) -> SequenceSource | MovieSource:
    return opened_source(indexed(reel, [vault])[0], reel.scan.space, [vault], workers=workers)


def read_codes(source: SequenceSource | MovieSource, first: int, stop: int) -> NDArray[np.generic]:
    clip = source.read(first, stop)
    assert clip.frames.dtype == torch.float32
    assert (clip.first, clip.stop, clip.space) == (first, stop, source.space)
    assert not clip.origin.any()
    return encoded_codes(clip.frames, source.white)


@pytest.mark.parametrize("big", [True, False], ids=["big-endian", "little-endian"])
@pytest.mark.parametrize("flavor", flavors.DPX)
@pytest.mark.parametrize("channels", [3, 4], ids=["rgb", "rgba"])
def test_every_dpx_flavor_gives_its_codes_exactly(tmp_path: Path, flavor: str, big: bool, channels: int) -> None:
    depth, packing = flavors.DPX[flavor]
    codes = flavors.pictures(2, depth)
    alpha = flavors.pictures(2, depth, seed=1)[..., :1]
    stored = codes if channels == 3 else np.concatenate([codes, alpha], -1)
    files = [flavors.dpx(code, depth, packing, big=big, channels=channels) for code in stored]
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", files))
    source = opened(reel, tmp_path)
    assert source.white == 2**depth - 1
    np.testing.assert_array_equal(read_codes(source, 1, 3), codes)


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_dpx_is_three_equal_channels(tmp_path: Path, depth: int) -> None:
    gray = flavors.pictures(1, depth)[..., :1]
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", [flavors.dpx(gray[0], depth, 0, channels=1)]))
    index, _ = indexed(reel, [tmp_path])
    assert index.channels == 1
    codes = read_codes(opened(reel, tmp_path), 1, 2)
    np.testing.assert_array_equal(codes, np.repeat(gray, 3, -1))


def test_lines_that_do_not_begin_on_words_are_read_where_they_are(tmp_path: Path) -> None:
    codes = flavors.pictures(1, 8)
    file = flavors.dpx(codes[0], 8, 0)[:2048] + codes[0].astype(np.uint8).tobytes()
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", [file]), allow=("truncated",))
    np.testing.assert_array_equal(read_codes(opened(reel, tmp_path), 1, 2), codes)


def test_an_element_offset_of_zero_means_the_offset_of_the_image(tmp_path: Path) -> None:
    codes = flavors.pictures(1, 10)
    file = bytearray(flavors.dpx(codes[0], 10, 1))
    file[808:812] = bytes(4)
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", [bytes(file)]))
    np.testing.assert_array_equal(read_codes(opened(reel, tmp_path), 1, 2), codes)


def test_pictures_of_either_packing_in_one_reel_are_read_each_by_its_own_header(tmp_path: Path) -> None:
    codes = flavors.pictures(2, 10)
    files = [flavors.dpx(codes[0], 10, 1), flavors.dpx(codes[1], 10, 2, big=False)]
    reel = flavors.reel(frames=flavors.sequence(tmp_path / "r1", files), allow=("size-change",))
    np.testing.assert_array_equal(read_codes(opened(reel, tmp_path), 1, 3), codes)


@pytest.mark.parametrize(
    ("suffix", "depth", "channels", "planar"),
    [
        ("tif", 8, 3, False),
        ("tif", 16, 3, False),
        ("tif", 16, 3, True),
        ("tif", 16, 1, False),
        ("tif", 16, 4, False),
        ("png", 8, 3, False),
        ("png", 16, 3, False),
        ("png", 8, 1, False),
        ("png", 16, 1, False),
        ("png", 16, 4, False),
    ],
)
def test_tiff_and_png_give_their_codes_exactly(
    tmp_path: Path, suffix: str, depth: int, channels: int, planar: bool
) -> None:
    codes = flavors.pictures(2, depth)
    alpha = flavors.pictures(2, depth, seed=1)[..., :1]
    stored = np.concatenate([codes, alpha], -1)[..., :channels]
    (tmp_path / "r1").mkdir()
    for n, code in enumerate(stored):
        flavors.still(
            tmp_path / "r1" / f"{n:04d}.{suffix}", code.astype(f"u{depth // 8}"), f"uint{depth}", planar=planar
        )
    reel = flavors.reel(frames=f"r1/%04d.{suffix}", space="srgb")
    expected = codes if channels != 1 else np.repeat(codes[..., :1], 3, -1)
    np.testing.assert_array_equal(read_codes(opened(reel, tmp_path), 0, 2), expected)
    warned = any("alpha" in warning for warning in indexed(reel, [tmp_path])[0].warnings)
    assert warned == (channels == 4)


@pytest.mark.parametrize("kind", ["half", "float"])
def test_exr_values_pass_through_unchanged(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(0).normal(0.5, 3, (*flavors.SIZE, 3)).astype(np.float16 if kind == "half" else "f4")
    (tmp_path / "r1").mkdir()
    flavors.still(tmp_path / "r1" / "0000.exr", values, kind)
    reel = flavors.reel(frames="r1/%04d.exr", space="scene-linear")
    source = opened(reel, tmp_path)
    assert source.white == 1.0
    np.testing.assert_array_equal(source.read(0, 1).frames[0].permute(1, 2, 0).numpy(), values.astype(np.float32))


def test_values_that_are_not_numbers_are_refused_by_frame(tmp_path: Path) -> None:
    values = np.ones((2, *flavors.SIZE, 3), np.float32)
    values[1, 3, 4, 1] = np.nan
    (tmp_path / "r1").mkdir()
    for n, value in enumerate(values):
        flavors.still(tmp_path / "r1" / f"{n:04d}.exr", value, "float")
    source = opened(flavors.reel(frames="r1/%04d.exr", space="scene-linear"), tmp_path)
    source.read(0, 1)
    with pytest.raises(Unreadable, match=r"reel r1, frame 1 \(r1/0001.exr\): holds 1 values that are not finite"):
        source.read(0, 2)


def test_codes_of_fewer_bits_than_the_file_holds_are_read_as_the_manifest_says(tmp_path: Path) -> None:
    codes = flavors.pictures(1, 10)
    (tmp_path / "r1").mkdir()
    flavors.still(tmp_path / "r1" / "0000.tif", codes[0], "uint16")
    source = opened(flavors.reel(frames="r1/%04d.tif", bit_depth=10), tmp_path)
    assert source.white == 1023
    np.testing.assert_array_equal(read_codes(source, 0, 1), codes)
    flavors.still(tmp_path / "r1" / "0001.tif", codes[0] * 2, "uint16")
    with pytest.raises(Unreadable, match=r"frame 1 .* the manifest says that the scan has 10 bit"):
        opened(flavors.reel(frames="r1/%04d.tif", bit_depth=10), tmp_path).read(1, 2)


@pytest.mark.parametrize("suffix", ["dpx", "tif"])
def test_a_bit_flipped_after_ingest_is_found_when_the_frame_is_read(tmp_path: Path, suffix: str) -> None:
    codes = flavors.pictures(3, 16)
    (tmp_path / "r1").mkdir()
    for n, code in enumerate(codes):
        path = tmp_path / "r1" / f"{n:04d}.{suffix}"
        if suffix == "dpx":
            path.write_bytes(flavors.dpx(code, 16, 0))
        else:
            flavors.still(path, code, "uint16")
    source = opened(flavors.reel(frames=f"r1/%04d.{suffix}"), tmp_path)
    content = bytearray(path.read_bytes())
    content[-300] ^= 1
    path.write_bytes(content)
    source.read(0, 2)
    with pytest.raises(Altered, match=rf"reel r1, frame 2 \(r1/0002.{suffix}\): its sha256 is"):
        source.read(1, 3)


def test_a_frame_that_becomes_a_link_out_of_the_vault_is_not_read(tmp_path: Path) -> None:
    file = flavors.dpx(flavors.pictures(1, 10)[0], 10, 1)
    source = opened(flavors.reel(frames=flavors.sequence(tmp_path / "vault" / "r1", [file])), tmp_path / "vault")
    (tmp_path / "out.dpx").write_bytes(file)
    path = tmp_path / "vault" / "r1" / "0000001.dpx"
    path.unlink()
    path.symlink_to(tmp_path / "out.dpx")
    with pytest.raises(OutsideVault):
        source.read(1, 2)


def test_frames_that_are_not_there_are_not_made_up(tmp_path: Path) -> None:
    files = [flavors.dpx(code, 10, 1) for code in flavors.pictures(5, 10)]
    pattern = flavors.sequence(tmp_path / "r1", files)
    (tmp_path / "r1" / "0000003.dpx").unlink()
    source = opened(flavors.reel(frames=pattern, allow=("gaps",)), tmp_path)
    assert len(source.read(4, 6)) == 2
    for first, stop in ((0, 2), (1, 4), (3, 4), (2, 5), (5, 7), (2, 2)):
        with pytest.raises(IndexError, match="it has 1-2, 4-5"):
            source.read(first, stop)


def test_several_threads_read_what_one_reads(tmp_path: Path) -> None:
    codes = flavors.pictures(12, 12)
    source = opened(
        flavors.reel(frames=flavors.sequence(tmp_path / "r1", [flavors.dpx(c, 12, 0) for c in codes])),
        tmp_path,
        workers=3,
    )
    with ThreadPoolExecutor(4) as pool:
        for found, first in zip(pool.map(lambda n: read_codes(source, n, n + 4), range(1, 9)), range(8), strict=True):
            np.testing.assert_array_equal(found, codes[first : first + 4])


@pytest.mark.parametrize("white", [255, 1023, 4095, 65535])
def test_every_code_comes_back_from_its_float(white: int) -> None:
    codes = torch.arange(white + 1, dtype=torch.int32).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    frames = (codes.numpy() / np.float32(white)).astype(np.float32)
    assert encoded_codes(torch.from_numpy(frames), white).dtype == (np.uint8 if white == 255 else np.uint16)
    np.testing.assert_array_equal(encoded_codes(torch.from_numpy(frames), white)[0, 0, :, 1], np.arange(white + 1))


def test_values_beyond_black_and_white_are_clipped_and_what_is_no_number_is_refused() -> None:
    frames = torch.tensor([-0.5, 0.0, 1.0, 7.0]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert encoded_codes(frames, 1023)[0, 0, :, 0].tolist() == [0, 0, 1023, 1023]
    with pytest.raises(ValueError, match="not numbers"):
        encoded_codes(torch.full((1, 3, 2, 2), torch.nan), 1023)
    with pytest.raises(ValueError, match="floating point"):
        encoded_codes(frames, 1.0)


FFV1 = {"level": "3", "slicecrc": "1"}


class TestMovies:
    """Scans held as a movie."""

    @pytest.mark.parametrize(("pixels", "depth"), [("bgr0", 8), ("gbrp10le", 10), ("gbrp12le", 12), ("gbrp16le", 16)])
    def test_ffv1_gives_its_codes_exactly(self, tmp_path: Path, pixels: str, depth: int) -> None:
        codes = flavors.pictures(5, depth, size=(32, 48))
        flavors.movie(tmp_path / "a.mkv", codes, "ffv1", pixels, options=FFV1)
        source = opened(flavors.reel(movie="a.mkv"), tmp_path)
        assert source.white == 2**depth - 1
        np.testing.assert_array_equal(read_codes(source, 0, 5), codes)
        np.testing.assert_array_equal(read_codes(source, 3, 4), codes[3:4])

    @pytest.mark.parametrize(("pixels", "depth"), [("gray", 8), ("gray10le", 10), ("gray16le", 16)])
    def test_gray_ffv1_is_three_equal_channels(self, tmp_path: Path, pixels: str, depth: int) -> None:
        codes = flavors.pictures(2, depth, size=(32, 48))
        flavors.movie(tmp_path / "a.mkv", codes[..., 0], "ffv1", pixels, options=FFV1)
        assert indexed(flavors.reel(movie="a.mkv"), [tmp_path])[0].channels == 1
        found = read_codes(opened(flavors.reel(movie="a.mkv"), tmp_path), 0, 2)
        np.testing.assert_array_equal(found, np.repeat(codes[..., :1], 3, -1))

    @pytest.mark.parametrize(
        ("name", "codec", "pixels"),
        [
            ("a.mp4", "libx264", "yuv420p"),
            ("a.mp4", "libx264", "yuv444p10le"),
            ("a.mkv", "libx265", "yuv422p10le"),
            ("a.mov", "prores_ks", "yuv422p10le"),
            ("a.mov", "prores_ks", "yuv444p10le"),
            ("a.mxf", "jpeg2000", "yuv422p10le"),
            ("a.mxf", "ffv1", "yuv422p10le"),
            ("odd.mkv", "ffv1", "yuv420p"),
        ],
    )
    def test_yuv_is_read_as_16_bit_rgb_the_same_from_every_place(
        self, tmp_path: Path, name: str, codec: str, pixels: str
    ) -> None:
        codes = self.still_life(24)[:, : 63 if name == "odd.mkv" else 64, : 95 if name == "odd.mkv" else 96]
        options = {"g": "8", "bf": "2"} if codec == "libx264" else {"x265-params": "log-level=none:keyint=8"}
        flavors.movie(tmp_path / name, codes, codec, pixels, options=options if codec.startswith("lib") else {})
        index, _ = indexed(flavors.reel(movie=name, fps="24", space="rec709"), [tmp_path])
        assert (index.bit_depth, index.white, index.fps) == (16, 65535.0, Fraction(24))
        assert index.layout.endswith("YUV read as RGB of 16 bit")
        source = opened_source(index, Space.REC709, [tmp_path], workers=2)
        whole = source.read(0, 24).frames
        for first, stop in ((22, 24), (3, 9), (5, 7), (0, 1), (15, 20)):
            torch.testing.assert_close(source.read(first, stop).frames, whole[first:stop], rtol=0, atol=0)
        error = whole.permute(0, 2, 3, 1).numpy() - codes / 255
        assert np.abs(error).mean() < 0.02

    def test_a_bit_flipped_after_ingest_is_found_when_the_frame_is_read(self, tmp_path: Path) -> None:
        codes = flavors.pictures(6, 10, size=(32, 48))
        flavors.movie(tmp_path / "a.mkv", codes, "ffv1", "gbrp10le", options=FFV1)
        source = opened(flavors.reel(movie="a.mkv"), tmp_path)
        content = bytearray((tmp_path / "a.mkv").read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "a.mkv").write_bytes(content)
        with pytest.raises(Altered, match=r"reel r1, frame [1-4] \(a.mkv\): does not decode to the picture"):
            source.read(0, 6)

    def test_another_movie_in_its_place_is_found(self, tmp_path: Path) -> None:
        flavors.movie(tmp_path / "a.mkv", flavors.pictures(4, 10, size=(32, 48)), "ffv1", "gbrp10le")
        source = opened(flavors.reel(movie="a.mkv"), tmp_path)
        flavors.movie(tmp_path / "a.mkv", flavors.pictures(4, 10, size=(32, 48), seed=7), "ffv1", "gbrp10le")
        with pytest.raises(Altered, match="frame 2"):
            source.read(2, 3)

    def test_several_threads_read_what_one_reads(self, tmp_path: Path) -> None:
        codes = flavors.pictures(24, 8, size=(32, 48))
        flavors.movie(tmp_path / "a.mkv", codes, "ffv1", "bgr0", options=FFV1)
        source = opened(flavors.reel(movie="a.mkv"), tmp_path, workers=2)
        starts = [0, 18, 6, 12, 3, 20, 9, 1]
        with ThreadPoolExecutor(4) as pool:
            for found, first in zip(pool.map(lambda n: read_codes(source, n, n + 4), starts), starts, strict=True):
                np.testing.assert_array_equal(found, codes[first : first + 4])

    def still_life(self, count: int) -> NDArray[np.uint8]:
        y, x = np.mgrid[0:64, 0:96]
        frames = [np.stack([2 * x + t, 3 * y, 255 - x - y - t], -1) for t in range(count)]
        return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


class TestYuv:
    """From YUV to RGB codes."""

    @pytest.mark.parametrize("depth", [8, 10, 12])
    @pytest.mark.parametrize("full", [True, False])
    @pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
    def test_black_gray_and_white_are_exact(self, depth: int, full: bool, matrix: str) -> None:
        step = 2 ** (depth - 8)
        ends = (0, 2**depth - 1) if full else (16 * step, 235 * step)
        luma = np.array([ends], np.uint16)
        neutral = np.full((1, 2), 128 * step, np.uint16)
        codes = rgb_codes(luma, neutral, neutral, depth=depth, matrix=matrix, full_range=full)  # type: ignore[arg-type]
        assert codes[:, 0, 0].tolist() == [0, 0, 0]
        assert codes[:, 0, 1].tolist() == [65535, 65535, 65535]

    @pytest.mark.parametrize(
        ("matrix", "full", "yuv", "rgb"),
        [
            # Recommendation ITU-R BT.709-6 and BT.601-7, 100 % bars at 8 bit: Y, CB, CR of red, green and blue.
            ("bt709", False, (63, 102, 240), (255, 0, 0)),
            ("bt709", False, (173, 42, 26), (0, 255, 0)),
            ("bt709", False, (32, 240, 118), (0, 0, 255)),
            ("bt601", False, (81, 90, 240), (255, 0, 0)),
            ("bt601", False, (145, 54, 34), (0, 255, 0)),
            ("bt601", False, (41, 240, 110), (0, 0, 255)),
            ("bt601", True, (76, 85, 255), (255, 0, 0)),  # as JFIF
        ],
    )
    def test_color_bars_come_out_as_the_standards_say(
        self, matrix: str, full: bool, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
    ) -> None:
        planes = [np.full((2, 2), code, np.uint8) for code in yuv]
        codes = rgb_codes(*planes, depth=8, matrix=matrix, full_range=full)  # type: ignore[arg-type]
        np.testing.assert_allclose(codes[:, 0, 0] / 257, rgb, atol=1.3)

    def test_color_lies_on_every_second_pixel_and_between_two_lines(self) -> None:
        ramp = np.tile(np.arange(0, 8, 2, dtype=np.float32), (2, 1))
        np.testing.assert_array_equal(cosited(ramp, (2, 8))[0], [0, 1, 2, 3, 4, 5, 6, 6])
        column = np.array([[0.5], [2.5], [4.5]], np.float32)
        np.testing.assert_array_equal(cosited(column, (6, 1))[:, 0], [0.5, 1, 2, 3, 4, 4.5])
