"""The store keeps what it is given, notices what has changed, and survives being killed."""

import hashlib
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.failures import KILL_AT
from tasks.shot import canonical, key
from tasks.store import Artifact, Corrupt, Record, StoreError
from tasks.store.folder import FolderStore

RECIPE = {"stage": "examine", "settings": {"strength": 1}}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def record(store: FolderStore, recipe: object = RECIPE, *contents: bytes) -> Record:
    outputs = {f"part{n}": store.put(content) for n, content in enumerate(contents or (b"remedy", b"blobs"))}
    return Record(key=key(recipe), recipe=canonical(recipe), outputs=outputs)


def in_child(work: Callable[[], object]) -> int:
    """Run in a forked process and give its exit status as `waitpid` does: negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def objects(store: FolderStore) -> list[Path]:
    return files(store.root / "objects")


def flip(path: Path, at: int = 0) -> None:
    """Change one bit of a file and nothing that its owner can set."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_bytes_come_back_under_their_own_digest_read_only(store: FolderStore) -> None:
    artifact = store.put(b"a nitrate print")
    path = store.path(artifact)
    assert artifact == Artifact(digest=hashlib.sha256(b"a nitrate print").hexdigest(), size=15)
    assert path == store.root / "objects" / artifact.digest[:2] / artifact.digest
    assert path.read_bytes() == b"a nitrate print"
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_scratch_file_is_moved_in(store: FolderStore) -> None:
    scratch = store.scratch(".jxl")
    scratch.write_bytes(b"frame")
    inode = scratch.stat().st_ino
    path = store.path(store.put(scratch))
    assert path.read_bytes() == b"frame"
    assert path.stat().st_ino == inode
    assert not scratch.exists()


def test_a_file_of_somebody_elses_is_copied_and_left_as_it_is(store: FolderStore, tmp_path: Path) -> None:
    scan = tmp_path / "0086400.dpx"
    scan.write_bytes(b"the only copy")
    before = scan.stat()
    path = store.path(store.put(scan))
    assert path.read_bytes() == scan.read_bytes() == b"the only copy"
    assert path.stat().st_ino != before.st_ino
    assert (scan.stat().st_ino, scan.stat().st_mode, scan.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mode,
        before.st_mtime_ns,
    )


def test_a_link_in_scratch_does_not_carry_a_scan_away(store: FolderStore, tmp_path: Path) -> None:
    scan = tmp_path / "0086400.dpx"
    scan.write_bytes(b"the only copy")
    link = store.scratch(".dpx")
    link.symlink_to(scan)
    path = store.path(store.put(link))
    assert path.read_bytes() == scan.read_bytes() == b"the only copy"
    assert not path.is_symlink()


def test_the_same_bytes_are_kept_once(store: FolderStore) -> None:
    scratch = store.scratch()
    scratch.write_bytes(b"leader")
    inode = store.path(store.put(b"leader")).stat().st_ino
    assert store.put(b"leader") == store.put(scratch)
    assert [path.stat().st_ino for path in objects(store)] == [inode]
    assert not scratch.exists()


def test_an_object_that_is_not_there_is_a_key_error_that_names_it(store: FolderStore) -> None:
    digest = hashlib.sha256(b"never put").hexdigest()
    with pytest.raises(KeyError, match=digest):
        store.path(Artifact(digest=digest, size=9))


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_flipped_bit_is_caught_by_the_process_that_just_verified_it(store: FolderStore, pause: float) -> None:
    artifact = store.put(b"x" * 1000)
    time.sleep(pause)
    path = store.path(artifact)
    flip(path, at=500)
    with pytest.raises(Corrupt, match=artifact.digest):
        store.path(artifact)
    with pytest.raises(KeyError):
        store.path(artifact)


def test_a_shortened_object_is_caught(store: FolderStore) -> None:
    artifact = store.put(b"x" * 1000)
    path = store.path(artifact)
    path.chmod(0o644)
    os.truncate(path, 999)
    with pytest.raises(Corrupt, match="999 bytes instead of 1000"):
        store.path(artifact)


def test_a_corrupt_object_goes_to_quarantine_with_its_reason_and_can_be_made_again(store: FolderStore) -> None:
    artifact = store.put(b"reel one")
    flip(store.path(artifact))
    with pytest.raises(Corrupt):
        store.path(artifact)
    aside, why = files(store.root / "quarantine")
    assert aside.read_bytes() == b"seel one"
    assert artifact.digest in why.read_text()
    assert store.path(store.put(b"reel one")).read_bytes() == b"reel one"


def test_an_object_that_another_process_has_healed_meanwhile_is_not_lost(store: FolderStore) -> None:
    artifact = store.put(b"reel one")
    path = store.path(artifact)
    assert not store._quarantine(path, "was corrupt when it was read", artifact)
    assert store.path(artifact).read_bytes() == b"reel one"
    assert files(store.root / "quarantine") == []


def test_putting_heals_an_object_that_has_gone_bad(store: FolderStore) -> None:
    artifact = store.put(b"reel one")
    flip(store.root / "objects" / artifact.digest[:2] / artifact.digest)
    store.put(b"reel one")
    assert store.path(artifact).read_bytes() == b"reel one"


def test_an_unchanged_object_is_not_read_again(store: FolderStore) -> None:
    def read_by_this_process() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    artifact = store.put(bytes(16 << 20))
    time.sleep(0.1)
    before = read_by_this_process()
    store.path(artifact)
    first = read_by_this_process()
    for _ in range(5):
        FolderStore(store.root).path(artifact)
    assert first - before >= 16 << 20
    assert read_by_this_process() - first < 1 << 20


def test_a_published_record_is_recalled_by_another_store_on_the_same_folder(store: FolderStore) -> None:
    made = record(store)
    assert store.recall(made.key) is None
    store.publish(made)
    assert FolderStore(store.root).recall(made.key) == made
    assert list(FolderStore(store.root).records()) == [made]


def test_a_record_is_not_published_before_its_artifacts(store: FolderStore) -> None:
    made = record(store)
    store.path(made.outputs["part1"]).unlink()
    with pytest.raises(StoreError, match="part1"):
        store.publish(made)
    assert list(store.records()) == []


def test_a_record_torn_at_any_byte_is_not_believed(store: FolderStore) -> None:
    made = record(store)
    store.publish(made)
    path = store.root / "records" / made.key[:2] / f"{made.key}.json"
    whole = path.read_bytes()
    lengths = range(0, len(whole), 37)
    for length in lengths:
        path.write_bytes(whole[:length])
        assert store.recall(made.key) is None
        assert not path.exists()
    assert len(list((store.root / "quarantine").glob("*.why"))) == len(lengths)
    store.publish(made)
    assert store.recall(made.key) == made


def test_a_record_altered_into_another_valid_one_is_not_believed(store: FolderStore) -> None:
    made = record(store)
    other = store.put(b"somebody else's")
    store.publish(made)
    path = store.root / "records" / made.key[:2] / f"{made.key}.json"
    kept = json.loads(path.read_text())
    kept["record"]["outputs"]["part0"] = other.model_dump()
    path.write_text(json.dumps(kept))
    assert store.recall(made.key) is None


@pytest.mark.parametrize("fault", ["missing", "corrupt"])
def test_a_recipe_is_forgotten_when_any_artifact_of_it_is_unsound(store: FolderStore, fault: str) -> None:
    made, sound = record(store), record(store, {"stage": "render"}, b"sound")
    store.publish(made)
    store.publish(sound)
    path = store.path(made.outputs["part1"])
    if fault == "missing":
        path.unlink()
    else:
        flip(path)
    assert store.recall(made.key) is None
    assert store.recall(sound.key) == sound
    store.put(b"blobs")
    assert store.recall(made.key) == made


def test_verify_finds_a_sound_store_sound_and_reports_each_byte(store: FolderStore) -> None:
    store.publish(record(store))
    seen: list[tuple[int, int]] = []
    assert store.verify(lambda read, total: seen.append((read, total))) == []
    assert [total for _, total in seen] == [11, 11]
    assert seen[-1] == (11, 11)


def test_verify_names_every_fault_and_changes_nothing(store: FolderStore) -> None:
    made = record(store)
    store.publish(made)
    store.publish(torn := record(store, {"stage": "torn"}, b"whole"))
    store.publish(gone := record(store, {"stage": "gone"}, b"lost"))
    flip(store.path(made.outputs["part0"]))
    (store.root / "records" / torn.key[:2] / f"{torn.key}.json").write_text("{")
    store.path(gone.outputs["part0"]).unlink()
    (store.root / "objects" / "readme.txt").write_text("not counted: objects lie one folder down")
    (store.root / "objects" / made.outputs["part0"].digest[:2] / "notes.txt").write_text("a stranger")
    before = {path: path.read_bytes() for path in files(store.root)}
    found = sorted((problem.kind, problem.path.parts[-3]) for problem in store.verify())
    assert found == [
        ("corrupt", "objects"),
        ("corrupt", "records"),
        ("missing", "records"),
        ("stranger", "objects"),
        ("unreadable", "records"),
    ]
    assert {path: path.read_bytes() for path in files(store.root)} == before
    assert store.recall(made.key) is None
    assert "quarantined" in {problem.kind for problem in store.verify()}


POINTS = ["store.written", "store.before-rename", "store.after-rename", "store.before-record", "store.after-record"]


@pytest.mark.parametrize("point", [*POINTS, "store.before-rename:2"])
def test_a_kill_at_any_point_of_publishing_leaves_nothing_bad_and_can_be_finished(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv(KILL_AT, point)
    assert in_child(lambda: store.publish(record(store))) == -signal.SIGKILL
    monkeypatch.delenv(KILL_AT)
    wanted = key(RECIPE)
    assert store.verify() == []
    assert (store.recall(wanted) is not None) == (point == "store.after-record")
    store.publish(record(store))
    assert store.recall(wanted) == record(store)
    assert len(objects(store)) == 2
    assert files(store.root / "tmp") == []


def test_kills_at_random_moments_leave_no_bad_object(store: FolderStore) -> None:
    chance = random.Random(1903)

    def keep_putting() -> None:
        number = 0
        while True:
            number += 1
            content = random.Random(number).randbytes(100_000 + number % 7)
            store.publish(record(store, {"number": number, "process": os.getpid()}, content, content + b"2"))

    for _ in range(10):
        child = os.fork()
        if child == 0:
            keep_putting()
        time.sleep(chance.uniform(0.02, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    records = list(store.records())
    assert len(records) > 10
    assert store.verify() == []
    assert all(store.recall(made.key) == made for made in records)
    assert in_child(store.scratch) == 0
    assert files(store.root / "tmp") == []


def test_processes_that_put_the_same_object_at_once_all_succeed(store: FolderStore) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                for number in range(20):
                    store.publish(record(store, {"number": number}, bytes([number]) * 50_000))
            except BaseException:
                os._exit(99)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert len(objects(store)) == len(list(store.records())) == 20
    assert store.verify() == []


def test_only_the_temporary_files_of_the_dead_are_swept(store: FolderStore) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        store.scratch(".mkv").write_bytes(b"half a master")
        os.write(tell, b"!")
        signal.pause()
    os.read(ready, 1)
    os.close(ready)
    os.close(tell)
    store.scratch().write_bytes(b"ours")
    assert sorted(path.read_bytes() for path in files(store.root / "tmp")) == [b"half a master", b"ours"]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert in_child(store.scratch) == 0
    assert [path.read_bytes() for path in files(store.root / "tmp")] == [b"ours"]


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_a_full_disk_is_an_os_error_and_leaves_nothing(store: FolderStore, tmp_path: Path, kind: str) -> None:
    scan = tmp_path / "scan.dpx"
    scan.write_bytes(bytes(1 << 20))

    def put_more_than_fits() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        try:
            store.put(bytes(1 << 20) if kind == "bytes" else scan)
        except OSError:
            os._exit(7 if files(store.root) == [] else 8)

    assert in_child(put_more_than_fits) == 7
    assert store.path(store.put(scan)).stat().st_size == 1 << 20
