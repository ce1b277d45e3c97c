import numpy as np
import pytest

from tasks.media.recode import recoded

FRAMES = np.random.default_rng(1).integers(0, 256, (5, 12, 16, 3), np.uint8).repeat(4, 1).repeat(4, 2)


@pytest.mark.parametrize("codec", ["h264", "mpeg2"])
def test_coarser_quantizers_change_more_and_no_frame_is_lost(codec: str) -> None:
    errors = []
    for quantizer in (22, 40):
        coded = recoded(FRAMES, codec, quantizer)
        assert coded.shape == FRAMES.shape
        errors.append(float(np.abs(coded.astype(float) - FRAMES).mean()))
    assert 0 < errors[0] < errors[1]


@pytest.mark.parametrize("codec", ["h264", "mpeg2"])
def test_the_same_frames_are_coded_to_the_same(codec: str) -> None:
    assert np.array_equal(recoded(FRAMES, codec, 30), recoded(FRAMES, codec, 30))


def test_another_codec_is_named() -> None:
    with pytest.raises(ValueError, match="h264 or mpeg2, not 'vp8'"):
        recoded(FRAMES, "vp8", 30)
