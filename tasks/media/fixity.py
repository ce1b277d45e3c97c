"""Prove that a lossless file holds the very pictures that were given, and say so in a sidecar an archive can check.

A decoder's exit status proves nothing: ffmpeg ends with 0 over a slice whose checksum is wrong and hands the damaged
picture out. So what it says is read as well, and each picture is compared by digest. The sidecar is ffmpeg's framemd5,
the form FFV1 archives check with `ffmpeg -i MASTER -f framemd5 - | diff`.

Errors: FixityError(EncodeError), a lossless file does not hold what it should; names the file and the first frame
"""

from collections.abc import Sequence
from pathlib import Path

import ffmpeg

from tasks.media.coding import BITEXACT
from tasks.media.ffmpeg import EncodeError, run

_COMPLAINTS_SHOWN = 600


class FixityError(EncodeError):
    """A lossless file is damaged, or is not the one expected; says which file and where."""


def framemd5(path: Path) -> str:
    """The framemd5 text of a movie's decoded pictures, for `<master>.framemd5`.

    Raises:
        FixityError: the decoder complained, of a slice checksum for one.
        EncodeError: ffmpeg could not read the file at all.
    """
    source = ffmpeg.input(
        f"file:{path.absolute()}", protocol_whitelist="file", format_whitelist="matroska,mov", err_detect="crccheck"
    )
    output, complaints = run(source.output("pipe:1", map="0:v:0", f="framemd5", **BITEXACT).get_args())
    if complaints:
        raise FixityError(f"{path} is damaged; the decoder said: {complaints[:_COMPLAINTS_SHOWN]}")
    return output.decode()


def frame_digests(path: Path) -> list[str]:
    """MD5 of each decoded picture of a movie, in order: what `SegmentWriter.digests` holds for a lossless segment.

    Raises:
        FixityError: the decoder complained, of a slice checksum for one.
    """
    return digests_of(framemd5(path))


def digests_of(text: str) -> list[str]:
    """The digests in a framemd5 text, in order."""
    return [line.rsplit(",", 1)[1].strip() for line in text.splitlines() if line and not line.startswith("#")]


def verified_decode(path: Path, expected: Sequence[str]) -> str:
    """Decode a lossless file and compare it picture by picture with what was written into it; its framemd5 text.

    Args:
        path: a segment or a whole master.
        expected: the writer's digests, of all segments in order.

    Raises:
        FixityError: it decodes to other pictures, to fewer or more, or the decoder complained.
    """
    text = framemd5(path)
    found = digests_of(text)
    if len(found) != len(expected):
        raise FixityError(f"{path} decodes to {len(found)} frames, but {len(expected)} were written")
    for number, (is_, should) in enumerate(zip(found, expected, strict=True)):
        if is_ != should:
            raise FixityError(f"{path}: frame {number} (from 0) decodes to {is_}, but {should} was written")
    return text
