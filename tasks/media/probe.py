"""Look at every header of a scan before any work, and take every frame's digest.

Whatever speaks against a scan is gathered and said at once; only what a person has accepted in the manifest, and what
still lets every frame be decoded exactly, goes on as a warning.
"""

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TypeVar

from manifests.reel import Reel, Scan
from tasks.media import Fault, FaultKind, MediaError, Unreadable, dpx, stills
from tasks.media.faults import accepted, disagrees
from tasks.media.index import FrameEntry, Header, ScanIndex
from tasks.media.movie_probe import indexed_movie
from tasks.media.vault import relative, resolve

_NUMBER = re.compile(r"%0([1-9])d")
_CHUNK = 1 << 20
T = TypeVar("T")


def indexed(
    reel: Reel, roots: Sequence[Path], *, on_frame: Callable[[int, int], None] | None = None, workers: int = 1
) -> tuple[ScanIndex, bytes]:
    """A reel's frame list, and its raw DPX headers as a gzipped tar (empty bytes where the frames are not DPX).

    Args:
        reel: the manifest.
        roots: vault roots, opened read-only.
        on_frame: called with (frames done, frames in all) as digests are taken.
        workers: threads that read files.

    Raises:
        ScanFaults: something is wrong that the manifest does not allow, or that no manifest can; holds all of it.
        OutsideVault: the scan's path, or a link on it, leads out of the vault.
        MediaError: the scan is not there.
    """
    if reel.scan.movie is not None:
        path = resolve(reel.scan.movie, roots)
        return indexed_movie(reel, relative(reel.scan.movie), path, on_frame=on_frame), b""
    return _indexed_sequence(reel, roots, on_frame, workers)


@dataclass(frozen=True)
class _Found:
    """A frame's file as it lies in the vault, and what its header says or what is wrong with it."""

    number: int
    file: str
    path: Path
    size: int
    header: Header | None = None
    head: bytes = b""
    fault: Fault | None = None


def _indexed_sequence(
    reel: Reel, roots: Sequence[Path], on_frame: Callable[[int, int], None] | None, workers: int
) -> tuple[ScanIndex, bytes]:
    listed = listing(reel.scan, roots)
    found = list(_mapped(_looked_at, listed, workers))
    first = next((frame.header for frame in found if frame.header is not None), None)
    faults = [*_gaps(reel.scan, found), *(frame.fault for frame in found if frame.fault is not None)]
    if first is not None:
        faults += _disagreements(reel.scan, found, first)
        faults += _first_decoded(found)
    warnings = accepted(reel, faults)
    assert first is not None  # a scan without any header has faults
    frames = []
    for entry in _mapped(_digested, found, workers):
        frames.append(entry)
        if on_frame is not None:
            on_frame(len(frames), len(found))
    height, width = first.size
    notes = sorted({note for frame in found if frame.header is not None for note in frame.header.notes})
    index = ScanIndex(
        reel=reel.id,
        kind="sequence",
        format=first.format,
        frames=tuple(frames),
        width=width,
        height=height,
        bit_depth=0 if first.floating else reel.scan.bit_depth or first.depth,
        stored_depth=first.depth,
        floating=first.floating,
        channels=1 if first.channels == 1 else 3,
        layout=first.layout,
        fps=_stated_rate(first, reel.scan.fps),
        timecode=first.timecode,
        keycode=first.keycode,
        warnings=(*warnings, *notes),
    )
    return index, _packed(found) if first.format == "dpx" else b""


def listing(scan: Scan, roots: Sequence[Path]) -> list[_Found]:
    """The files of an image sequence, in order of their numbers, from `first` to `last` where the manifest says so.

    Raises:
        MediaError: no file fits the pattern.
        OutsideVault: the folder, or a link in it, leads out of the vault.
    """
    pattern = PurePosixPath(relative(scan.frames or ""))
    before, digits, after = _NUMBER.split(pattern.name)  # the manifest sees to it that there is one
    name = re.compile(rf"{re.escape(before)}(\d{{{digits}}}|[1-9]\d{{{digits},}}){re.escape(after)}")
    folder = resolve(str(pattern.parent), roots)
    found = []
    for path in folder.iterdir():
        match = name.fullmatch(path.name)
        number = int(match[1]) if match else -1
        if match and (scan.first or 0) <= number and (scan.last is None or number <= scan.last):
            file = str(pattern.parent / path.name)
            real = resolve(file, roots) if path.is_symlink() else path
            found.append(_Found(number, file, real, real.stat().st_size))
    if not found:
        wanted = f" between {scan.first} and {scan.last}" if scan.first is not None or scan.last is not None else ""
        raise MediaError(f"no file in the vault fits {scan.frames!r}{wanted}")
    return sorted(found, key=lambda frame: frame.number)


def _looked_at(frame: _Found) -> _Found:
    if frame.size == 0:
        what = "has zero bytes; scan the frame again, or take the file away and allow 'gaps'"
        return replace(frame, fault=_fault(frame, "truncated", what, allowable=False))
    try:
        with frame.path.open("rb") as file:
            head = file.read(dpx.HEADER_BYTES)
        if head[:4] in {b"SDPX", b"XPDS"}:
            header = dpx.header(head, frame.size)
        else:
            head, header = b"", stills.header(frame.path)
    except (Unreadable, OSError) as error:
        return replace(frame, fault=_fault(frame, "unreadable", str(error), allowable=False))
    fault = None
    if frame.size < header.end:
        what = f"has {frame.size} bytes of the {header.end} that its pixels take; scan the frame again"
        fault = _fault(frame, "truncated", what, allowable=False)
    elif header.claimed is not None and frame.size < header.claimed:
        what = f"has {frame.size} bytes, its header says {header.claimed}; all of its pixels are there"
        fault = _fault(frame, "truncated", what)
    return replace(frame, header=header, head=head, fault=fault)


def _gaps(scan: Scan, found: Sequence[_Found]) -> Iterator[Fault]:
    expected = scan.first if scan.first is not None else found[0].number
    for frame in found:
        if frame.number != expected:
            yield _gap(scan, expected, frame.number - 1)
        expected = frame.number + 1
    if scan.last is not None and expected <= scan.last:
        yield _gap(scan, expected, scan.last)


def _gap(scan: Scan, first: int, last: int) -> Fault:
    missing = f"{last - first + 1} frame{'s are' if last > first else ' is'} missing; find them, or allow 'gaps'"
    return Fault("gaps", first, last, relative(scan.frames or "") % first, missing)


def _disagreements(scan: Scan, found: Sequence[_Found], first: Header) -> Iterator[Fault]:
    fps = scan.fps
    for frame in found:
        header = frame.header
        if header is None:
            continue
        said, expected = _pictured(header), _pictured(first)
        if said != expected:
            what = f"is {said}, the frames before are {expected}; a reel has one size and depth: split it"
            yield _fault(frame, "size-change", what, allowable=False)
        elif header.layout != first.layout:
            yield _fault(frame, "size-change", f"is {header.layout}, the frames before are {first.layout}")
        if scan.bit_depth is not None and (header.floating or scan.bit_depth > header.depth):
            what = f"cannot hold the {scan.bit_depth}-bit codes of the manifest's 'bit_depth': it is {said}"
            yield _fault(frame, "unreadable", what, allowable=False)
        for field, rate in header.rates:
            if fps is not None and disagrees(rate, fps):
                what = f"the {field} header says {rate:.6g} frames a second, the manifest {fps}"
                yield _fault(frame, "fps-mismatch", what)


def _first_decoded(found: Sequence[_Found]) -> Iterator[Fault]:
    """Headers may make sense where pixels do not: the first frame is decoded before any work."""
    frame = next((f for f in found if f.header is not None and f.fault is None), None)
    if frame is None or frame.header is None or frame.header.format == "dpx":
        return
    try:
        stills.codes(frame.path, frame.header)
    except MediaError as error:
        yield _fault(frame, "unreadable", str(error), allowable=False)


def _pictured(header: Header) -> str:
    height, width = header.size
    kind = "floating point" if header.floating else "codes"
    channels = {1: "gray", 3: "RGB", 4: "RGBA"}[header.channels]
    return f"{header.format.upper()} {width}x{height}, {channels}, {header.depth}-bit {kind}"


def _stated_rate(header: Header, fps: Fraction | None) -> Fraction | None:
    for _, rate in header.rates:
        if fps is not None and not disagrees(rate, fps):
            return fps
        return Fraction(rate).limit_denominator(1001)
    return None


def _digested(frame: _Found) -> FrameEntry:
    with frame.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    offset = frame.header.offset if frame.header is not None else None
    return FrameEntry(number=frame.number, file=frame.file, size=frame.size, digest=digest, offset=offset)


def _packed(found: Sequence[_Found]) -> bytes:
    """Everything that lies before the pixels of every frame, as a tar without times or owners: the same bytes again."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for frame in found:
            offset = frame.header.offset if frame.header is not None and frame.header.offset is not None else 0
            with frame.path.open("rb") as file:
                head = frame.head if offset <= len(frame.head) else file.read(min(offset, _CHUNK))
            entry = tarfile.TarInfo(f"{PurePosixPath(frame.file).name}.header")
            entry.size = len(head[:offset])
            tar.addfile(entry, io.BytesIO(head[:offset]))
    return packed.getvalue()


def _fault(frame: _Found, kind: FaultKind, found: str, *, allowable: bool = True) -> Fault:
    return Fault(kind, frame.number, frame.number, frame.file, found, allowable)


def _mapped(function: Callable[[_Found], T], frames: Sequence[_Found], workers: int) -> Iterator[T]:
    if workers <= 1:
        yield from map(function, frames)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, frames)
