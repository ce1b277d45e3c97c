"""Maps in the vault: infrared beside a scan, or in its fourth channel, and marks made by hand."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO
import pytest
from numpy.typing import NDArray

import manifests
from manifests import ManifestError
from manifests.reel import Reel
from restorers.repair import Repair
from tasks.examine import examination, examined
from tasks.footage import footage, maps, remedy
from tasks.ingest import ingested, shot_list
from tasks.lab import Lab
from tasks.media import Altered, MediaError, stills
from tasks.media.maps import MapIndex, plane
from tasks.shot import Shot
from tasks.verification import damaged_scans
from tests.flows.reels import scene, write_dpx

FRAMES = 6
SIZE = (96, 128)


@dataclass
class Vault:
    folder: Path

    @property
    def lab(self) -> Lab:
        return Lab(root=self.folder / "lab", vaults=(self.folder / "vault",), workers=1)

    def write(self, name: str, picture: NDArray[np.generic], **attributes: str) -> None:
        path = self.folder / "vault" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = picture if picture.ndim == 3 else picture[..., None]
        spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], str(pixels.dtype))
        for name_, value in attributes.items():
            spec.attribute(name_.replace("__", ":"), value)
        output = OpenImageIO.ImageOutput.create(str(path))
        assert output.open(str(path), spec)
        assert output.write_image(np.ascontiguousarray(pixels))
        output.close()

    def reel(self, scan: str = "", more: str = "", frames: str = "reel/%05d.dpx") -> Reel:
        text = f"schema: 1\nid: reel\ntitle: A small reel\n{more}scan:\n  frames: {frames}\n  fps: 24\n"
        file = self.folder / "reel.yaml"
        file.write_text(f"{text}  space: printing-density\n{scan}", encoding="utf-8")
        return manifests.read(file)

    def shots(self, reel: Reel) -> tuple[Shot, ...]:
        facts, _ = ingested(reel, self.lab)
        return shot_list(reel, facts, self.lab)[0]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    for number in range(1, FRAMES + 1):
        write_dpx(tmp_path / "vault" / "reel" / f"{number:05d}.dpx", scene(number, height=SIZE[0], width=SIZE[1]))
    return Vault(tmp_path)


def infrared(number: int) -> NDArray[np.uint16]:
    """An even light with noise, and one speck."""
    light = np.random.default_rng(number).normal(52_000, 200, SIZE)
    light[30:35, 40 + number : 45 + number] = 9_000
    return light.astype(np.uint16)


def mask(top: int, left: int) -> NDArray[np.uint8]:
    marks = np.zeros(SIZE, np.uint8)
    marks[top : top + 5, left : left + 6] = 255
    return marks


IR = "  infrared: ir/%05d.tif\n"
MASKS = "masks: masks/%05d.png\n"


def with_infrared(vault: Vault) -> None:
    for number in range(1, FRAMES + 1):
        vault.write(f"ir/{number:05d}.tif", infrared(number))


@pytest.mark.parametrize("form", ["tif", "png", "jxl"])
def test_an_infrared_map_is_read_as_its_codes(vault: Vault, form: str) -> None:
    for number in range(1, FRAMES + 1):
        vault.write(f"ir/{number:05d}.{form}", infrared(number), compression="jpegxl:100")
    shots = vault.shots(vault.reel(f"  infrared: ir/%05d.{form}\n"))
    shown = footage(shots, vault.lab)
    assert shown.masks is None
    assert shown.infrared is not None
    found = shown.infrared.read(3)
    assert found is not None
    assert np.array_equal(np.rint(found * 65535), infrared(3))


def test_marks_are_read_at_any_depth_and_frames_without_one_have_none(vault: Vault) -> None:
    vault.write("masks/00002.png", mask(10, 20))
    vault.write("masks/00003.png", mask(30, 40).astype(np.uint16) * 257)
    colored = np.zeros((*SIZE, 3), np.uint8)
    colored[..., 0] = mask(50, 60)
    vault.write("masks/00004.png", colored)
    bits = vault.folder / "vault" / "masks" / "00005.png"
    assert cv2.imwrite(str(bits), mask(70, 80), [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert bits.read_bytes()[24] == 1, "one bit a pixel"
    source = footage(vault.shots(vault.reel(more=MASKS)), vault.lab).masks
    assert source is not None
    for number, (top, left) in {2: (10, 20), 3: (30, 40), 4: (50, 60), 5: (70, 80)}.items():
        found = source.read(number)
        assert found is not None
        assert np.array_equal(found, mask(top, left) / 255), number
    assert source.read(1) is None


def test_infrared_in_the_fourth_channel_of_the_scan_is_read_as_scanned(vault: Vault) -> None:
    for number in range(1, FRAMES + 1):
        codes = scene(number, height=SIZE[0], width=SIZE[1]) * 64
        pixels = np.concatenate([codes, infrared(number)[..., None]], axis=2)
        vault.write(f"rgbi/{number:05d}.tif", pixels, oiio__UnassociatedAlpha="1")
    reel = vault.reel("  infrared: fourth-channel\n", frames="rgbi/%05d.tif")
    shown = footage(vault.shots(reel), vault.lab)
    assert shown.infrared is not None
    found = shown.infrared.read(2)
    assert found is not None
    assert np.array_equal(np.rint(found * 65535), infrared(2))
    red = shown.source.read(2, 3).frames[0, 0].numpy()
    assert np.array_equal(np.rint(red * 65535), scene(2, height=SIZE[0], width=SIZE[1])[..., 0] * 64)


def test_repair_is_told_by_the_maps_that_the_manifest_names(vault: Vault) -> None:
    with_infrared(vault)
    vault.write("masks/00004.png", mask(70, 20))
    reel = vault.reel(IR, MASKS)
    shots = vault.shots(reel)
    layer, _ = examined(shots, Repair(), vault.lab)
    blemishes = remedy(layer, vault.lab).blemishes  # type: ignore[attr-defined]
    marked = [b for b in blemishes if b.kind == "marked"]
    assert [(b.first, b.box) for b in marked] == [(4, (70, 20, 75, 26))]
    for number in range(1, FRAMES + 1):
        here = [b for b in blemishes if b.first <= number <= b.last and b.confidence >= 0.99 and b.kind != "marked"]
        assert any(b.box[0] <= 32 < b.box[2] and b.box[1] <= 42 + number < b.box[3] for b in here), number


def recipe(vault: Vault, reel: Reel) -> list[dict[str, object]]:
    return [examination((shot,), Repair(), vault.lab) for shot in vault.shots(reel)]


def test_a_changed_mask_is_a_new_examination_of_its_shot_alone(vault: Vault) -> None:
    shots = "shots: [{first: 1, last: 3}, {first: 4, last: 6}]\n"
    plain = recipe(vault, vault.reel(more=shots))
    vault.write("masks/00005.png", mask(10, 20))
    before = recipe(vault, vault.reel(more=MASKS + shots))
    time.sleep(0.01)
    vault.write("masks/00005.png", mask(10, 21))
    after = recipe(vault, vault.reel(more=MASKS + shots))
    assert before[0] == after[0] == plain[0]
    assert len({str(each[1]) for each in (plain, before, after)}) == 3


def test_a_frame_without_infrared_is_refused_before_any_work(vault: Vault) -> None:
    with_infrared(vault)
    (vault.folder / "vault" / "ir" / "00004.tif").unlink()
    with pytest.raises(MediaError, match=r"1 of 6 frames have no infrared map, the first is frame 4"):
        vault.shots(vault.reel(IR))


def test_maps_of_another_size_are_refused_all_at_once(vault: Vault) -> None:
    vault.write("masks/00002.png", mask(10, 20)[:-1])
    vault.write("masks/00003.png", mask(10, 20))
    vault.write("masks/00005.png", mask(10, 20)[:, :-2])
    with pytest.raises(MediaError) as caught:
        vault.shots(vault.reel(more=MASKS))
    said = str(caught.value)
    assert "frame 2 (masks/00002.png) is 128x95 pixels, but the frames are 128x96" in said
    assert "frame 5 (masks/00005.png) is 126x96 pixels" in said
    assert "00003" not in said


def test_an_infrared_map_in_color_and_a_scan_without_a_fourth_channel_are_refused(vault: Vault) -> None:
    for number in range(1, FRAMES + 1):
        vault.write(f"ir/{number:05d}.tif", scene(number, height=SIZE[0], width=SIZE[1]))
    with pytest.raises(MediaError, match="is in color: an infrared map is gray"):
        vault.shots(vault.reel(IR))
    with pytest.raises(MediaError, match="has no fourth channel"):
        vault.shots(vault.reel("  infrared: fourth-channel\n"))


def test_a_map_that_changed_since_it_was_listed_is_not_used(vault: Vault) -> None:
    with_infrared(vault)
    source = footage(vault.shots(vault.reel(IR)), vault.lab).infrared
    assert source is not None
    assert damaged_scans(vault.lab) == []
    vault.write("ir/00003.tif", infrared(4))
    with pytest.raises(Altered, match=r"infrared of frame 3 \(ir/00003\.tif\): is no longer what it was"):
        source.read(3)
    assert [damage.path.name for damage in damaged_scans(vault.lab)] == ["00003.tif"]


def test_a_scan_is_not_taken_in_again_when_its_maps_change(vault: Vault) -> None:
    _, first = ingested(vault.reel(), vault.lab)
    vault.write("masks/00002.png", mask(10, 20))
    facts, second = ingested(vault.reel(more=MASKS), vault.lab)
    assert first.made == {"scan"}
    assert second.made == {"maps"}
    assert maps(facts, vault.lab).keys() == {"masks"}


@pytest.mark.parametrize(
    ("scan", "more", "said"),
    [
        ("  infrared: ir/frame.tif\n", "", "must hold the frame number once"),
        ("  infrared: /ir/%05d.tif\n", "", "is not relative to a vault root"),
        ("", "masks: ../%05d.png\n", "leaves the vault"),
    ],
)
def test_a_pattern_that_is_none_is_a_mistake(vault: Vault, scan: str, more: str, said: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(said)):
        vault.reel(scan, more)


def test_a_movie_has_no_fourth_channel(tmp_path: Path) -> None:
    file = tmp_path / "reel.yaml"
    scan = "scan: {movie: a.mkv, space: srgb, infrared: fourth-channel}\n"
    file.write_text(f"schema: 1\nid: a\ntitle: b\n{scan}", encoding="utf-8")
    with pytest.raises(ManifestError, match="a movie has no fourth channel"):
        manifests.read(file)


@pytest.mark.footage
@pytest.mark.parametrize(
    "name", ["Raw_RGBA_8_U/testsrc_Raw_RGBA_8.tiff", "Raw_RGBA_16_U_LE/testsrc_Raw_RGBA_16_LE.tiff"]
)
def test_the_fourth_channel_of_real_files_is_read_as_others_read_it(shared: Path, name: str) -> None:
    path = shared / "scans" / "rawcooked_formats" / "TIFF" / "Flavors" / name
    header = stills.header(path)
    index = MapIndex(what="infrared", fourth=True, height=header.size[0], width=header.size[1], maps=())
    other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 3]
    assert np.array_equal(np.rint(plane(path, index) * (2**header.depth - 1)), other)
