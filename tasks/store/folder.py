"""A store of artifacts in a folder: an object is kept under its own sha256, verified whenever it is opened.

    objects/aa/<sha256>     the bytes, read-only
    records/aa/<key>.json   which artifacts a recipe gave, with the record's own digest
    tmp/<desk>/             what a process is writing; its lock is freed when the process dies, and the next one sweeps
    quarantine/             what did not have the bytes of its name, with the reason beside it; never deleted by us

Whatever appears under objects/ or records/ was complete and on the disk before it got its name (write, fsync, rename,
fsync of the folder), so that `kill -9`, a full disk or a power cut leave at most a temporary file. The order is
Bazel's: objects first, the record last.

An object that this process has verified is not hashed again while its inode, size, mtime and ctime stay the same; a
file changed so recently that the clock could not tell is hashed anyway. Decay of the disk under an unchanged inode is
therefore seen by the next process, or by `verify`, which always reads every byte.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.failures import reached
from tasks.store import Artifact, Corrupt, Record, StoreError
from tasks.store.desk import desk

BLOCK = 1 << 20
"""Bytes read at once when hashing."""

RACY_NS = 50_000_000
"""A file changed less than this before it was looked at may change again within one tick of the file system's clock."""

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """One thing in the store that is not as it should be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["corrupt", "missing", "unreadable", "stranger", "quarantined"]
    path: Path
    detail: str


class FolderStore:
    """A content-addressed store in one folder; see the module. Cheap to construct, safe to share and to duplicate.

    Args:
        root: the store's folder, made when something is first put. Local disk, or a network one that honors `flock`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def put(self, content: bytes | Path) -> Artifact:
        """Keep bytes, or a file's bytes; atomic, idempotent.

        A file that `scratch` gave is moved in; any other is copied and left where it is, since it may be a scan.

        Raises:
            OSError: the disk is full or fails; nothing has been published and no temporary file is left.
        """
        if isinstance(content, bytes):
            artifact = Artifact(digest=hashlib.sha256(content).hexdigest(), size=len(content))
            if not self._holds(artifact):
                temporary = self.scratch()
                with _removed_on_error(temporary):
                    temporary.write_bytes(content)
                    self._admit(temporary, artifact)
            return artifact
        if self._ours(content):
            temporary = content
        else:
            temporary = self.scratch(content.suffix)
            with _removed_on_error(temporary):
                shutil.copyfile(content, temporary)
        with _removed_on_error(temporary):
            digest, size = _hashed(temporary)
            artifact = Artifact(digest=digest, size=size)
            if self._holds(artifact):
                temporary.unlink()
            else:
                self._admit(temporary, artifact)
        return artifact

    def path(self, artifact: Artifact) -> Path:
        """The object's file, its digest checked now (or by this process before, and the file unchanged since).

        Raises:
            KeyError: the store does not hold it.
            Corrupt: its bytes are not what its name says; it is in quarantine.
        """
        place = self._object(artifact.digest)
        try:
            fault = _fault(place, artifact)
        except FileNotFoundError:
            raise KeyError(f"the store at {self.root} does not hold {artifact.digest}") from None
        if fault and self._quarantine(place, fault, artifact):
            raise Corrupt(f"object {artifact.digest} in {self.root} is not what its name says: {fault}; quarantined")
        return place

    def publish(self, record: Record) -> None:
        """Make a record known; its artifacts must be there already. Atomic; a later one of the same key replaces it.

        Raises:
            StoreError: an artifact of it is not in the store.
        """
        for name, artifact in record.outputs.items():
            place = self._object(artifact.digest)
            if not place.is_file() or place.stat().st_size != artifact.size:
                raise StoreError(
                    f"record {record.key} names {name!r} as {artifact.digest}, which is not in {self.root}"
                )
        body = record.model_dump_json()
        digest = hashlib.sha256(body.encode()).hexdigest()
        temporary = self.scratch(".json")
        with _removed_on_error(temporary):
            temporary.write_text(json.dumps({"sha256": digest, "record": json.loads(body)}, indent=1))
            _sync(temporary)
            reached("store.before-record")
            _rename(temporary, self._record(record.key))
        reached("store.after-record")

    def recall(self, key: str) -> Record | None:
        """The record of a recipe whose artifacts are all there and sound; None when any is not: it is made again.

        A torn or altered record is put in quarantine, and so is an altered artifact.
        """
        place = self._record(key)
        try:
            record = _read(place)
        except FileNotFoundError:
            return None
        except ValueError as error:
            self._quarantine(place, str(error), None)
            return None
        try:
            for artifact in record.outputs.values():
                self.path(artifact)
        except (KeyError, Corrupt) as error:
            log.warning("%s has to be made again: %s", key, error)
            return None
        return record

    def scratch(self, suffix: str = "") -> Path:
        """A fresh path on the store's own disk for a file that `put` will take; swept when its process is gone."""
        return desk(self.root) / f"{uuid.uuid4().hex}{suffix}"

    def records(self) -> Iterator[Record]:
        """Every readable record, in order of key; `verify` names the others. Artifacts are not looked at."""
        for place in sorted(self.root.glob("records/??/*.json")):
            with contextlib.suppress(FileNotFoundError, ValueError):
                yield _read(place)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
        """Read every byte of the store and name what is wrong; changes nothing.

        Args:
            progress: called with the bytes read so far and the bytes there are, after each object.
        """
        problems: list[Problem] = []
        objects = {p: p.stat().st_size for p in sorted(self.root.glob("objects/*/*"))}
        total, read = sum(objects.values()), 0
        for place, size in objects.items():
            if place != self._object(place.name) or not place.is_file() or place.is_symlink():
                problems.append(Problem(kind="stranger", path=place, detail="not an object of this store"))
            elif (found := _hashed(place)[0]) != place.name:
                _verified.pop(place, None)
                problems.append(Problem(kind="corrupt", path=place, detail=f"its bytes have sha256 {found}"))
            read += size
            if progress:
                progress(read, total)
        bad = {p.path for p in problems}
        for place in sorted(self.root.glob("records/*/*")):
            problems.extend(self._verified_record(place, bad))
        for place in sorted(self.root.glob("quarantine/*.why")):
            problems.append(Problem(kind="quarantined", path=place.with_suffix(""), detail=place.read_text().strip()))
        return problems

    def _verified_record(self, place: Path, bad: set[Path]) -> Iterator[Problem]:
        if place != self._record(place.stem):
            yield Problem(kind="stranger", path=place, detail="not a record of this store")
            return
        try:
            record = _read(place)
        except ValueError as error:
            yield Problem(kind="unreadable", path=place, detail=str(error))
            return
        for name, artifact in record.outputs.items():
            lies = self._object(artifact.digest)
            if not lies.is_file():
                yield Problem(kind="missing", path=place, detail=f"its {name!r}, {artifact.digest}, is not there")
            elif lies in bad:
                yield Problem(kind="corrupt", path=place, detail=f"its {name!r}, {artifact.digest}, is corrupt")

    def _object(self, digest: str) -> Path:
        return self.root / "objects" / digest[:2] / digest

    def _record(self, key: str) -> Path:
        return self.root / "records" / key[:2] / f"{key}.json"

    def _holds(self, artifact: Artifact) -> bool:
        try:
            self.path(artifact)
        except (KeyError, Corrupt):
            return False
        return True

    def _ours(self, path: Path) -> bool:
        inside = path.absolute().is_relative_to(self.root / "tmp") and ".." not in path.parts
        return inside and stat.S_ISREG(path.lstat().st_mode)

    def _admit(self, temporary: Path, artifact: Artifact) -> None:
        reached("store.written")
        temporary.chmod(0o444)
        _sync(temporary)
        reached("store.before-rename")
        _rename(temporary, self._object(artifact.digest))
        reached("store.after-rename")

    def _quarantine(self, place: Path, fault: str, artifact: Artifact | None) -> bool:
        """Move a bad file aside; False when another process has put a sound one in its place meanwhile."""
        aside = self.root / "quarantine" / f"{place.name}.{uuid.uuid4().hex[:8]}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.rename(aside)
        except FileNotFoundError:
            return True
        if artifact is not None and _hashed(aside) == (artifact.digest, artifact.size):
            aside.rename(place)
            return False
        _verified.pop(place, None)
        why = f"{datetime.now(UTC).isoformat(timespec='seconds')} {place.relative_to(self.root)}: {fault}"
        aside.with_name(f"{aside.name}.why").write_text(why + "\n")
        log.warning("quarantined %s", why)
        return True


_Signature = tuple[int, int, int, int, int]
_verified: dict[Path, tuple[str, _Signature]] = {}


def _fault(place: Path, artifact: Artifact) -> str | None:
    """What is wrong with an object, in words; None when it is sound."""
    before = place.stat()
    if _verified.get(place) == (artifact.digest, _signature(before)):
        return None
    digest, size = _hashed(place)
    if size != artifact.size:
        return f"{size} bytes instead of {artifact.size}"
    if digest != artifact.digest:
        return f"its bytes have sha256 {digest}"
    if time.time_ns() - before.st_ctime_ns > RACY_NS and _signature(place.stat()) == _signature(before):
        _verified[place] = (digest, _signature(before))
    return None


def _signature(status: os.stat_result) -> _Signature:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _hashed(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _read(place: Path) -> Record:
    """A record from its file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is torn or altered.
    """
    try:
        kept = json.loads(place.read_text())
        record = Record.model_validate(kept["record"])
        digest = kept["sha256"]
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"record {place.name} cannot be read: {error}") from error
    if digest != hashlib.sha256(record.model_dump_json().encode()).hexdigest() or record.key != place.stem:
        raise ValueError(f"record {place.name} is not the one that was written")
    return record


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, place: Path) -> None:
    if not place.parent.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        _sync(place.parent.parent)
        _sync(place.parent.parent.parent)
    temporary.rename(place)
    _sync(place.parent)


@contextlib.contextmanager
def _removed_on_error(temporary: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
