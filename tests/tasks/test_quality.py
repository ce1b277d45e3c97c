from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.metrics import perceptual
from tasks.lab import Lab
from tasks.media.ffmpeg import run
from tasks.media.vmaf import Vmaf, VmafMeter
from tasks.quality import Quality, quality
from tests.trunks import wants_trunks

FRAMES = 4


def shot(*, blur: float = 0.0, space: Space = Space.SRGB) -> Clip:
    photograph = data.astronaut().astype(np.float32) / 255
    frames = [photograph[40 : 40 + 120, 120 + 3 * n : 120 + 3 * n + 161] for n in range(FRAMES)]
    blurred = [ndimage.gaussian_filter(frame, (blur, blur, 0)) if blur else frame for frame in frames]
    clip = Clip(torch.from_numpy(np.stack(blurred)).permute(0, 3, 1, 2).contiguous(), Space.SRGB, 7)
    return clip.in_space(space)


def vmaf(reference: Clip, tested: Clip) -> Vmaf:
    with VmafMeter(reference.size, Fraction(24)) as meter:
        meter.add(reference, tested)
        return meter.finished()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(root=tmp_path / "lab", workers=1)


def test_equal_pictures_score_high_and_blurred_ones_lower_the_more_they_are_blurred() -> None:
    equal, soft, softer = (vmaf(shot(), shot(blur=blur)) for blur in (0.0, 0.8, 2.0))
    assert equal.mean > 95
    assert equal.mean > soft.mean + 3
    assert soft.mean > softer.mean + 10
    assert equal.frames == FRAMES
    assert softer.worst <= softer.harmonic_mean <= softer.mean


def test_vmaf_is_what_two_plain_inputs_give(tmp_path: Path) -> None:
    inputs = []
    for name, clip in (("a", shot()), ("b", shot(blur=1.0))):
        codes = (clip.in_space(Space.REC709).frames.clamp(0, 1) * 65535).round().permute(0, 2, 3, 1)
        (tmp_path / name).write_bytes(codes.numpy().astype("<u2").tobytes())
        height, width = clip.size
        inputs += [
            "-f",
            "rawvideo",
            "-pixel_format",
            "rgb48le",
            "-video_size",
            f"{width}x{height}",
            "-i",
            str(tmp_path / name),
        ]
    scaled = "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p10le"
    log = tmp_path / "log.csv"
    graph = f"[0:v]{scaled}[r];[1:v]{scaled}[t];[t][r]libvmaf=model=version=vmaf_v0.6.1:log_fmt=csv:log_path={log}"
    run([*inputs, "-lavfi", graph, "-f", "null", "-"])
    header, *rows = [line.split(",") for line in log.read_text().strip().splitlines()]
    expected = np.mean([float(row[header.index("vmaf")]) for row in rows])
    assert vmaf(shot(), shot(blur=1.0)).mean == pytest.approx(expected, abs=1e-4)


def test_the_space_a_clip_comes_in_does_not_matter() -> None:
    assert vmaf(shot(space=Space.DENSITY), shot(blur=1)).mean == pytest.approx(
        vmaf(shot(), shot(blur=1)).mean, abs=0.05
    )


def test_frames_that_do_not_belong_together_are_refused() -> None:
    reference = shot()
    with VmafMeter(reference.size, Fraction(24)) as meter, pytest.raises(ValueError, match="same frames"):
        meter.add(reference, reference.between(7, 9))
    with VmafMeter(reference.size, Fraction(24)) as meter, pytest.raises(ValueError, match="without frames"):
        meter.finished()
    with pytest.raises(ValueError, match="at least 32 x 32"):
        VmafMeter((20, 64), Fraction(24))


def test_an_absent_trunk_is_told_and_the_rest_is_measured(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perceptual, "PACKAGE", "a-package-that-is-not-there")
    found = quality([shot()], [shot(blur=1)], lab.model_copy(update={"trunks": tmp_path}))
    assert found.vmaf is not None
    assert found.lpips is None
    assert "alexnet-owt-7be5be79.pth" in found.lpips_absent
    assert str(tmp_path) in found.lpips_absent
    assert "a-package-that-is-not-there" in quality([shot()], [shot()], lab).lpips_absent
    assert Quality.model_validate_json(found.model_dump_json()) == found
    assert Quality.trunk_digests(tmp_path) == Quality.trunk_digests(None) == {}


@wants_trunks
def test_lpips_is_measured_by_the_packed_trunk(lab: Lab) -> None:
    before, after = shot(), shot(blur=1)
    found, same = quality([before], [after], lab), quality([before], [before], lab)
    frames = (clip.in_space(Space.SRGB).frames[0] for clip in (before, after))
    assert same.lpips == 0
    assert found.lpips == pytest.approx(perceptual.PerceptualDistance()(*frames))
    assert found.lpips > 0.1
    assert Quality.trunk_digests(None)["alex"].startswith("443c5bc3")


def test_an_enlarged_shot_is_not_compared_pixel_by_pixel(lab: Lab) -> None:
    large = Clip(torch.nn.functional.interpolate(shot().frames, scale_factor=2), Space.SRGB, 7)
    found = quality([shot()], [large], lab)
    assert found.vmaf is None
    assert "161 x 120 before and 322 x 240 after" in found.vmaf_absent
    assert found.lpips_absent == found.vmaf_absent


def test_a_missing_frame_is_named(lab: Lab) -> None:
    with pytest.raises(ValueError, match="frame 10 has no counterpart"):
        quality([shot()], [shot().between(7, 10)], lab)


def test_clips_may_be_cut_otherwise(lab: Lab) -> None:
    before, after = shot(), shot(blur=1)
    pieces = [after.between(7, 8), after.between(8, 11)]
    assert quality([before], pieces, lab) == quality([before.between(7, 10), before.between(10, 11)], [after], lab)
