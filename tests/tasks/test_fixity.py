from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from restorers.colorspace import Space
from tasks.media.encode import Ffv1Spec
from tasks.media.ffmpeg import EncodeError
from tasks.media.fixity import FixityError, digests_of, frame_digests, framemd5, verified_decode
from tests.tasks.test_encode import SIZE, pictures, written

SPEC = Ffv1Spec(**SIZE, fps=Fraction(18), bit_depth=10, space=Space.PRINTING_DENSITY)


def test_a_sound_master_is_proven_by_decoding_it(tmp_path: Path):
    writer = written(tmp_path / "a.mkv", SPEC, pictures(4, SPEC))
    text = verified_decode(tmp_path / "a.mkv", writer.digests)
    assert text == framemd5(tmp_path / "a.mkv")
    assert text.startswith("#format: frame checksums")
    assert digests_of(text) == writer.digests == frame_digests(tmp_path / "a.mkv")
    assert len(set(writer.digests)) == 4


def test_no_flipped_bit_in_the_pictures_passes(tmp_path: Path):
    path = tmp_path / "a.mkv"
    writer = written(path, SPEC, pictures(3, SPEC))
    sound = path.read_bytes()
    random = np.random.default_rng(5)
    for _ in range(12):
        damaged = bytearray(sound)
        at = int(random.integers(len(sound) // 4, len(sound) * 3 // 4))
        damaged[at] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(EncodeError, match=r"a\.mkv"):
            verified_decode(path, writer.digests)


def test_other_pictures_than_were_written_are_named_by_frame(tmp_path: Path):
    path = tmp_path / "a.mkv"
    writer = written(path, SPEC, pictures(3, SPEC))
    swapped = [writer.digests[i] for i in (0, 2, 1)]
    with pytest.raises(FixityError, match="frame 1 "):
        verified_decode(path, swapped)
    with pytest.raises(FixityError, match="decodes to 3 frames, but 2 were written"):
        verified_decode(path, writer.digests[:2])
