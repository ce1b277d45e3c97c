"""With no treatments the restored master is the scan, code for code, in every flavor of scan there is to read."""

from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from restorers.render import Span, opened
from restorers.restorer import Bench
from tasks.media import MediaError
from tasks.media.decode import encoded_codes, opened_source
from tasks.media.encode import Ffv1Spec, SegmentWriter
from tasks.media.playback import clips
from tasks.media.probe import indexed
from tests.tasks import flavors
from tests.tasks.test_scans import LIES, STILLS


@pytest.mark.footage
@pytest.mark.timeout(900)
def test_the_untreated_master_of_every_readable_scan_is_the_scan_code_for_code(shared: Path, tmp_path: Path) -> None:
    depths: dict[int, int] = {}
    for path in sorted((shared / "scans").rglob("*")):
        if path.suffix not in STILLS:
            continue
        vault = tmp_path / "vault"
        vault.mkdir(exist_ok=True)
        place = vault / f"0000001{path.suffix}"
        copyfile(path, place)
        reel = flavors.reel(frames=f"%07d{path.suffix}", allow=LIES)
        try:
            index, _ = indexed(reel, [vault])
            source = opened_source(index, reel.scan.space, [vault])
            clip = opened(source, Span(1, 2), 1, 2, Bench())
        except MediaError:
            continue  # refused with a reason: test_scans holds the table
        finally:
            place.unlink()
        if index.floating:
            continue
        codes = encoded_codes(clip.frames, index.white)[0]
        size = {"height": index.height, "width": index.width}
        spec = Ffv1Spec(fps=24, bit_depth=index.bit_depth, space=reel.scan.space, **size)
        master = tmp_path / "master.mkv"
        with SegmentWriter(master, spec) as writer:
            writer.write(codes)
        played = next(clips(master, reel.scan.space, 1))
        assert np.array_equal(encoded_codes(played.frames, index.white)[0], codes), path.name
        assert np.array_equal(played.frames.numpy(), clip.frames.numpy()), path.name
        depths[index.bit_depth] = depths.get(index.bit_depth, 0) + 1
    print(f"\nscans that came back code for code, by bit depth: {dict(sorted(depths.items()))}")
    assert set(depths) == {8, 10, 12, 16}
