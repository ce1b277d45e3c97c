"""Points where tests kill the work, and which errors another try may cure."""

import errno
import os
import signal
import subprocess
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from prefect import flow, task
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed
from prefect.task_engine import TaskRunTimeoutError
from pydantic import TypeAdapter, ValidationError

from restorers.restorer import MissingWeights, RestorationError
from tasks.failures import CURES, KILL_AT, POINTS, RETRIES, curable, cure, reached, retry_condition
from tasks.media import MediaError
from tasks.media.ffmpeg import EncodeError
from tasks.store import Corrupt, StoreError


def killed(*points: str) -> bool:
    """Whether a process that reaches these points, in this order, is killed."""
    child = os.fork()
    if child == 0:
        for point in points:
            reached(point)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_nothing_dies_unless_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KILL_AT, raising=False)
    assert not killed(*(point.replace("*", "decay") for point in POINTS))


@pytest.mark.parametrize("point", [point.replace("*", "decay") for point in POINTS])
def test_every_point_kills_where_it_is_named_and_only_there(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    monkeypatch.setenv(KILL_AT, point)
    others = [other for known in POINTS if (other := known.replace("*", "decay")) != point]
    assert killed(point)
    assert not killed(*others, "examine.repair.publish")


def test_a_point_kills_at_the_time_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KILL_AT, "render.publish:3")
    assert not killed("render.publish", "render.publish", "measure.publish")
    assert killed("render.publish", "measure.publish", "render.publish", "render.publish")


def test_a_misspelled_point_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KILL_AT, "render.publish")
    with pytest.raises(ValueError, match=r"render\.publsh"):
        reached("render.publsh")
    with pytest.raises(ValueError, match=r"examine\.publish"):
        reached("examine.publish")


def validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("not a number")
    return caught.value


def raised_from(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        OSError(errno.EMFILE, "Too many open files"),
        ConnectionResetError(),
        BrokenPipeError(),
        TimeoutError(),
        TaskRunTimeoutError(),
        subprocess.TimeoutExpired("ffmpeg", 60),
        MemoryError(),
        torch.OutOfMemoryError(),
        BrokenProcessPool(),
        EncodeError("ffmpeg was ended by signal 9"),
        Corrupt("object ... is not what its name says"),
        raised_from(RuntimeError("harbor-r2 shot 3"), OSError(errno.EIO, "Input/output error")),
        raised_from(RestorationError("frames 1-8"), MemoryError()),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: BaseException) -> None:
    assert curable(error)


@pytest.mark.parametrize(
    "error",
    [
        validation_error(),
        ValueError("fps"),
        MediaError("frame 12 is truncated"),
        TypeError(),
        KeyError("digest"),
        MissingWeights("lpips"),
        RestorationError("no frames"),
        RuntimeError("anything"),
        StoreError("record names an object that is not there"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EROFS, "Read-only file system"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        PermissionError(errno.EACCES, "Permission denied"),
        AssertionError(),
        ModuleNotFoundError("av"),
        NotImplementedError(),
        KeyboardInterrupt(),
        SystemExit(1),
        raised_from(ValueError("reel.yaml"), OSError(errno.EIO, "Input/output error")),
    ],
    ids=repr,
)
def test_what_will_be_the_same_again_is_not_tried_again(error: BaseException) -> None:
    assert not curable(error)


def test_every_row_of_the_policy_can_be_reached_and_says_why() -> None:
    for row in CURES:
        number = min(row.errnos) if row.errnos else None
        args: tuple[object, ...] = (number, "") if number else ("ffmpeg", 1) if "Expired" in row.error.__name__ else ()
        assert cure(row.error(*args)) is row
        assert row.why


def test_prefect_is_told_to_stop_after_the_tries_of_the_row() -> None:
    @task
    def nothing() -> None: ...

    def again(error: BaseException, run_count: int) -> bool:
        run = TaskRun(task_key="nothing", dynamic_key="0", run_count=run_count)
        return retry_condition(nothing, run, Failed(data=error, message=repr(error)))

    assert [again(ConnectionResetError(), count) for count in (1, 2, 3, 4)] == [True, True, True, False]
    assert [again(MemoryError(), count) for count in (1, 2)] == [True, False]
    assert not again(ValueError(), 1)
    assert not retry_condition(nothing, TaskRun(task_key="nothing", dynamic_key="0"), Failed(message="crashed"))
    assert max(row.tries for row in CURES) == RETRIES


@pytest.mark.slow
def test_a_prefect_flow_retries_by_the_policy() -> None:
    from prefect.testing.utilities import prefect_test_harness

    tries: dict[str, int] = {}

    @task(retries=RETRIES, retry_condition_fn=retry_condition, persist_result=False)
    def fail(name: str, error: BaseException) -> None:
        tries[name] = tries.get(name, 0) + 1
        raise error

    @flow
    def failing() -> None:
        for name, error in (("reset", ConnectionResetError()), ("value", ValueError()), ("memory", MemoryError())):
            fail(name, error, return_state=True)

    with prefect_test_harness():
        failing()
    assert tries == {"reset": 4, "value": 1, "memory": 2}
