"""The demo reel is a scan like any other, its truth is the truth, and its scores tell good work from none."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests import read
from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.damage import Fading, Flickering, Graining, Shaking, fade, flicker, grain, shake
from restorers.damage.shaking import gate_motion
from restorers.restorer import Bench
from tasks.demo import (
    Row,
    before_after,
    clean_frames,
    demo_reel,
    demo_score,
    demo_table,
    dirt_masks,
    truth_folder,
    truth_of,
)
from tasks.demo.reel import FIRST, FPS, MARGIN, SEED
from tasks.demo.scenes import exposed, scenes
from tasks.lab import Lab
from tasks.media.decode import encoded_codes
from tasks.media.encode import Ffv1Spec, OriginSpec, SegmentWriter

SIZE = (192, 256)
BENCH = Bench()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shot of the demo reel, small."""
    folder = tmp_path_factory.mktemp("vault")
    demo_reel(folder, size=SIZE, shots=1)
    return folder


def scan(vault: Path, frames: int = 8) -> Clip:
    return clean_frames(vault / "demo", FIRST, FIRST + frames)


def clean(vault: Path, frames: int = 8) -> Clip:
    return clean_frames(truth_folder(vault), FIRST, FIRST + frames)


def table(vault: Path, before: Clip, after: Clip) -> dict[str, Row]:
    shot = truth_of(vault).shots[0].model_copy(update={"stop": before.stop})
    return {row.measure: row for row in demo_table(truth_folder(vault), [(shot, before, after)], BENCH)}


def test_made_twice_the_reel_is_the_same_byte_for_byte(vault: Path, tmp_path: Path) -> None:
    demo_reel(tmp_path / "elsewhere", size=SIZE, shots=1)
    assert truth_of(tmp_path / "elsewhere").files == truth_of(vault).files


def test_a_reel_that_is_there_is_left_alone_and_a_damaged_one_made_again(tmp_path: Path) -> None:
    demo_reel(tmp_path, size=(64, 96), shots=1)
    frame = tmp_path / "demo" / f"{FIRST + 3:07d}.dpx"
    sound, made = frame.read_bytes(), frame.stat().st_mtime_ns
    demo_reel(tmp_path, size=(64, 96), shots=1)
    assert frame.stat().st_mtime_ns == made
    frame.write_bytes(sound[:-1] + bytes([sound[-1] ^ 4]))
    demo_reel(tmp_path, size=(64, 96), shots=1)
    assert frame.read_bytes() == sound


def test_the_manifest_reads_and_points_at_the_frames(vault: Path) -> None:
    reel = read(demo_reel(vault, size=SIZE, shots=1))
    assert reel.scan.frames is not None
    assert reel.scan.fps == 24
    assert all((vault / (reel.scan.frames % n)).exists() for n in range(FIRST, truth_of(vault).shots[-1].stop))


def test_the_whole_reel_has_three_shots_and_something_moves_on_its_own_in_each() -> None:
    cast = scenes()
    assert len(cast) >= 3
    assert 80 <= sum(scene.length for scene in cast) <= 100
    for scene in cast:
        empty = replace(scene, actor=np.zeros_like(scene.actor))
        for time in (2, scene.length - 2):
            with_actor, without = (exposed(s, time, (360, 480)) for s in (scene, empty))
            shown = np.abs(with_actor - without).max(axis=0) > 0.02
            assert 0.002 < shown.mean() < 0.4


def test_a_camera_that_stands_still_sees_only_the_rocket_move() -> None:
    launch = scenes()[1]
    first, last = (exposed(launch, time, (360, 480)) for time in (0, 20))
    moved = np.abs(first - last).max(axis=0) > 0
    columns = np.flatnonzero(moved.any(axis=0))
    assert 0 < columns.size < 240
    assert abs(columns.mean() - 240) < 40


def test_the_frames_are_ten_bit_big_endian_dpx_with_time_code(vault: Path) -> None:
    number = FIRST + 5
    content = (vault / "demo" / f"{number:07d}.dpx").read_bytes()
    assert content[:4] == b"SDPX"
    assert content[36:136].rstrip(b"\0") == f"{number:07d}.dpx".encode()
    assert content[800] == 50  # RGB
    assert content[801] == 1  # printing density
    assert content[803] == 10
    assert struct.unpack(">HH", content[804:808]) == (1, 0)  # filled, method A; not run-length encoded
    assert content[1556:1588].rstrip(b"\0") == b"reelwright demo scanner"
    assert content[1664:1668] == b"0214"
    assert struct.unpack(">II", content[1712:1720]) == (5, truth_of(vault).shots[-1].stop - FIRST)
    assert struct.unpack(">f", content[1724:1728]) == (24.0,)
    assert content[1920:1924].hex() == "01000005"
    assert struct.unpack(">f", content[1940:1944]) == (24.0,)


def test_the_codes_are_those_an_unpacker_of_our_own_reads(vault: Path) -> None:
    content = (vault / "demo" / f"{FIRST:07d}.dpx").read_bytes()
    (start,) = struct.unpack(">I", content[4:8])
    words = np.frombuffer(content[start : start + 4 * SIZE[0] * SIZE[1]], ">u4").reshape(SIZE)
    codes = np.stack([words >> 22, words >> 12, words >> 2]).astype(np.int64) & 1023
    read_back = clean_frames(vault / "demo", FIRST, FIRST + 1).in_space(Space.PRINTING_DENSITY).frames[0]
    np.testing.assert_array_equal(codes, (read_back * 1023).round().long().numpy())


def test_frames_as_they_were_score_as_perfect(vault: Path) -> None:
    rows = table(vault, scan(vault), clean(vault))
    assert all(rows[name].after < 1e-6 for name in ("color error", "unsteadiness", "flicker", "dust seen"))
    assert rows["PSNR"].after > 70
    assert rows["SSIM"].after > 0.9999
    assert rows["color error"].before > 8
    assert rows["unsteadiness"].before > 0.3


def test_an_unrestored_reel_scores_as_the_scan_does(vault: Path) -> None:
    rows = table(vault, scan(vault), scan(vault))
    assert all(row.before == row.after for row in rows.values())


def test_each_measure_sees_its_own_damage_and_no_other(vault: Path) -> None:
    film = clean(vault)
    worn = {
        "worst layer's density": fade(film, Fading()),
        "unsteadiness": shake(film, Shaking(), BENCH)[0],
        "flicker": flicker(film, Flickering(contrast=0), BENCH)[0],
    }
    found = {name: table(vault, scan(vault), clip) for name, clip in worn.items()}
    for damage, rows in found.items():
        for measure in worn:
            strongest = found[measure][measure].after
            assert (rows[measure].after > 0.5 * strongest) == (measure == damage), (damage, measure)
    # Of the density that red sees; of the cyan dye itself 45 % are gone.
    assert found["worst layer's density"]["worst layer's density"].after == pytest.approx(33, abs=2)


def test_unsteadiness_is_measured_as_the_gate_moved_the_film(vault: Path) -> None:
    aging = truth_of(vault).aging
    assert aging.shaking is not None
    motion = gate_motion(range(FIRST, FIRST + 8), aging.shaking, Bench(seed=SEED))
    canvas = (SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN)
    lay = np.stack([motion.displacement(n, canvas)[:, MARGIN:-MARGIN, MARGIN:-MARGIN] for n in range(FIRST, FIRST + 8)])
    known = float(np.sqrt(((lay - lay.mean(axis=0)) ** 2).sum(axis=1).mean()))
    assert table(vault, scan(vault), clean(vault))["frame off its path"].before == pytest.approx(known, rel=0.08)


def test_dirt_is_counted_where_the_truth_has_it(vault: Path) -> None:
    masks = dirt_masks(truth_folder(vault), FIRST, FIRST + 24, SIZE)
    assert all(0.0001 < share < 0.02 for share in masks.mean(axis=(1, 2, 3)))
    dust, scratches = torch.from_numpy(masks)
    film = clean(vault, 24)
    lying = film.frames + 0.6 * (dust | scratches).float()[:, None]
    noisy = grain(replace(film, frames=lying), Graining(sigma=0.01), BENCH)[0]
    half = dust.clone()
    half[:, :, : SIZE[1] // 2] = False
    mended = replace(noisy, frames=torch.where(half[:, None], film.frames, noisy.frames))
    rows = table(vault, noisy, mended)
    assert rows["dust seen"].after == pytest.approx(100 * float(1 - half.sum() / dust.sum()), abs=5)
    assert rows["scratches seen"].after == pytest.approx(100, abs=1)


def test_replaced_sound_picture_is_told_from_replaced_dirt(vault: Path) -> None:
    film = clean(vault)
    masks = dirt_masks(truth_folder(vault), FIRST, FIRST + 8, SIZE)
    origin = torch.from_numpy(masks.any(axis=0).astype(np.uint8)) * Origin.borrowed(1)
    assert table(vault, scan(vault), replace(film, origin=origin))["sound picture replaced"].after == 0
    origin[:, 40:60] = Origin.INTERPOLATED
    replaced = table(vault, scan(vault), replace(film, origin=origin))["sound picture replaced"].after
    assert replaced == pytest.approx(100 * 20 / (SIZE[0] - 16), rel=0.15)


def test_an_enlarged_restoration_is_measured_at_the_size_of_the_scan(vault: Path) -> None:
    film = clean(vault)
    large = Clip(film.frames.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2), Space.DENSITY, film.first)
    assert table(vault, scan(vault), large)["PSNR"].after > 70
    odd = Clip(torch.zeros(8, 3, 200, 300), Space.DENSITY, FIRST)
    with pytest.raises(ValueError, match="no multiple"):
        table(vault, scan(vault), odd)


def test_the_picture_shows_scan_restoration_and_truth_side_by_side(vault: Path, tmp_path: Path) -> None:
    import cv2

    film, worn = clean(vault, 1), scan(vault, 1)
    picture = cv2.imread(str(before_after([(worn, film, film)] * 2, tmp_path / "both.png")))
    assert picture is not None
    assert picture.shape == (2 * SIZE[0] + 6, 3 * SIZE[1] + 12, 3)
    below = slice(40, SIZE[0])
    restored, truth = (picture[below, x : x + SIZE[1]] for x in (SIZE[1] + 6, 2 * SIZE[1] + 12))
    np.testing.assert_array_equal(restored, truth)
    assert np.abs(picture[below, : SIZE[1]].astype(int) - truth).mean() > 10


def test_masters_that_hold_the_truth_score_as_perfect(vault: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "vault").symlink_to(vault)
    shot = truth_of(vault).shots[0]
    codes = clean_frames(truth_folder(vault), shot.first, shot.stop).in_space(Space.PRINTING_DENSITY)
    picture = Ffv1Spec(height=SIZE[0], width=SIZE[1], fps=FPS, bit_depth=10, space=Space.PRINTING_DENSITY)
    with SegmentWriter(folder / "demo.mkv", picture) as master:
        for frame in encoded_codes(codes.frames, 1023):
            master.write(frame)
    with SegmentWriter(folder / "demo.origin.mkv", OriginSpec(height=SIZE[0], width=SIZE[1], fps=FPS)) as origins:
        for origin in codes.origin:
            origins.write(origin.numpy())
    lab = Lab(root=folder, vaults=(folder / "vault",), out=folder, workers=1)
    rows, drawn = demo_score(folder, folder, lab)
    scored = {row.measure: row for row in rows}
    assert drawn.exists()
    assert scored["color error"].after < 1e-3 < scored["color error"].before
    assert scored["unsteadiness"].after < 1e-3 < scored["unsteadiness"].before
    assert scored["PSNR"].after > 70
