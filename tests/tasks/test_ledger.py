"""The ledger loses nothing in silence, and measures what was really used."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.ledger import Ledger, Line, Work, price
from tasks.meter import Usage, measured
from tasks.rates import Rates

WORK = Work(run="run-1", reel="harbor-r2", shot=3, stage="examine", treatment="decay", key="0" * 64)
RATES = Rates(version="2026-11", currency="EUR", cpu_hour=3.6, gpu_hour=7.2, kwh=0.25)

BURN = "import time\nend = time.thread_time() + {}\nwhile time.thread_time() < end: pass"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", RATES)


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(99)
        os._exit(0)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def only(ledger: Ledger) -> Line:
    (line,) = ledger.read().lines
    return line


def test_a_line_says_what_was_done_and_what_it_cost(ledger: Ledger) -> None:
    with ledger.metered(WORK) as tally:
        burn(0.1)
        tally.count(8, height=1556, width=2048)
        tally.bytes_in += 1000
        tally.bytes_out += 10
    line = only(ledger)
    assert (line.run, line.reel, line.shot, line.stage, line.treatment) == ("run-1", "harbor-r2", 3, "examine", "decay")
    assert (line.status, line.cache_hit, line.error) == ("done", False, None)
    assert (line.frames, line.bytes_in, line.bytes_out) == (8, 1000, 10)
    assert line.megapixel_frames == pytest.approx(8 * 2048 * 1556 / 1e6)
    assert (line.currency, line.rates) == ("EUR", "2026-11")
    assert 0.1 <= line.cpu_s < 0.2
    assert line.wall_s >= 0.1
    assert line.money == pytest.approx(line.cpu_s * 0.001)
    assert line.gpu_s is line.energy_j is line.peak_vram_bytes is None


def test_the_price_adds_cpu_gpu_and_energy() -> None:
    usage = Usage(wall_s=9, cpu_s=1800, gpu_s=3600, energy_j=7.2e6, peak_rss_bytes=None, peak_vram_bytes=None)
    assert price(usage, RATES) == pytest.approx(1.8 + 7.2 + 0.5)


def test_a_failure_is_written_counted_and_rises(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.metered(WORK):
            burn(0.05)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    line = only(ledger)
    assert line.status == "failed"
    assert line.error == "ZeroDivisionError: division by zero"
    assert line.cpu_s >= 0.05
    assert line.money > 0


def test_a_hit_costs_nothing(ledger: Ledger) -> None:
    ledger.hit(WORK, frames=8, megapixel_frames=25.5)
    line = only(ledger)
    assert line.cache_hit
    assert (line.wall_s, line.cpu_s, line.gpu_s, line.money) == (0, 0, None, 0)
    assert (line.frames, line.megapixel_frames) == (8, 25.5)


def test_metered_tasks_do_not_nest(ledger: Ledger) -> None:
    with ledger.metered(WORK), pytest.raises(RuntimeError, match="nest"), ledger.metered(WORK):
        pass
    with ledger.metered(WORK):
        pass
    assert [line.status for line in ledger.read().lines] == ["done", "done"]


def test_a_child_program_counts_when_it_is_waited_for(ledger: Ledger) -> None:
    with ledger.metered(WORK):
        subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    assert 0.3 <= only(ledger).cpu_s < 0.6


def test_threads_of_a_task_count(ledger: Ledger) -> None:
    with ledger.metered(WORK):
        helpers = [threading.Thread(target=burn, args=(0.15,)) for _ in range(2)]
        for helper in helpers:
            helper.start()
        for helper in helpers:
            helper.join()
    assert 0.3 <= only(ledger).cpu_s < 0.4


def test_tasks_that_overlap_share_the_cpu_without_counting_any_twice(ledger: Ledger) -> None:
    gate = threading.Barrier(3)

    def task(shot: int, seconds: float) -> None:
        with ledger.metered(WORK.model_copy(update={"shot": shot})):
            gate.wait()
            burn(seconds)
            gate.wait()

    tasks = [threading.Thread(target=task, args=(shot, seconds)) for shot, seconds in enumerate((0.05, 0.15, 0.3))]
    before = time.process_time()
    for one in tasks:
        one.start()
    for one in tasks:
        one.join()
    used = time.process_time() - before
    shares = [line.cpu_s for line in sorted(ledger.read().lines, key=lambda line: line.shot or 0)]
    assert sum(shares) == pytest.approx(used, abs=0.03)
    assert shares == pytest.approx([0.05, 0.15, 0.3], abs=0.03)


def test_what_the_pools_used_is_shared_equally_among_the_tasks_then_open(ledger: Ledger) -> None:
    opened, done = threading.Barrier(3), threading.Barrier(3)

    def wait() -> None:
        with ledger.metered(WORK):
            opened.wait()
            done.wait()

    tasks = [threading.Thread(target=wait) for _ in range(2)]
    for task in tasks:
        task.start()
    opened.wait()
    burn(0.3)
    done.wait()
    for task in tasks:
        task.join()
    assert [line.cpu_s for line in ledger.read().lines] == pytest.approx([0.15, 0.15], abs=0.05)


def test_peak_memory_is_that_of_the_block_not_of_the_process_before_it() -> None:
    def touched(megabytes: int) -> torch.Tensor:
        return torch.ones(megabytes << 20, dtype=torch.uint8)

    early = touched(400)
    time.sleep(0.05)
    del early
    with measured() as small:
        time.sleep(0.25)
    with measured() as large:
        held = touched(200)
        time.sleep(0.25)
    del held
    small_peak, large_peak = small().peak_rss_bytes, large().peak_rss_bytes
    assert small_peak is not None
    assert large_peak is not None
    assert 190 << 20 < large_peak - small_peak < 260 << 20


def test_peak_memory_holds_what_a_child_program_took() -> None:
    with measured() as alone:
        time.sleep(0.05)
    with measured() as both:
        hold = "import time; held = b'x' * (150 << 20); time.sleep(0.5)"
        subprocess.run([sys.executable, "-c", hold], check=True)
    alone_peak, both_peak = alone().peak_rss_bytes, both().peak_rss_bytes
    assert alone_peak is not None
    assert both_peak is not None
    assert both_peak - alone_peak > 150 << 20


def test_each_process_has_a_file_of_its_own_and_no_line_is_lost(ledger: Ledger) -> None:
    def write(shot: int) -> None:
        for _ in range(25):
            with ledger.metered(WORK.model_copy(update={"shot": shot})):
                pass

    write(0)
    children = [forked(lambda shot=shot: write(shot)) for shot in range(1, 5)]  # type: ignore[misc]
    assert [ended(child) for child in children] == [0] * 4
    reading = ledger.read()
    assert len(list(ledger.root.glob("*.jsonl"))) == 5
    assert sorted(line.shot or 0 for line in reading.lines) == [shot for shot in range(5) for _ in range(25)]
    assert len({line.id for line in reading.lines}) == 125
    assert reading.unended == reading.torn == ()


def test_threads_write_whole_lines(ledger: Ledger) -> None:
    def write() -> None:
        for _ in range(25):
            ledger.hit(WORK)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    reading = ledger.read()
    assert len(reading.lines) == 100
    assert reading.torn == ()


def test_a_killed_task_is_not_forgotten(ledger: Ledger) -> None:
    def work() -> None:
        with ledger.metered(WORK):
            pass
        with ledger.metered(WORK.model_copy(update={"shot": 4})):
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(work)) == -signal.SIGKILL
    reading = ledger.read()
    assert [line.shot for line in reading.lines] == [3]
    assert [(line.shot, line.status) for line in reading.unended] == [(4, "begun")]
    assert reading.torn == ()


def test_a_torn_last_line_is_counted_and_named_and_costs_no_other(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.hit(WORK)
    (path,) = ledger.root.glob("*.jsonl")
    whole = path.read_bytes()
    start_of_last = whole[:-1].rindex(b"\n") + 1
    for length in range(start_of_last + 1, len(whole) - 1, 50):
        path.write_bytes(whole[:length])
        reading = ledger.read()
        assert len(reading.lines) == 2
        assert [(torn.path, torn.number) for torn in reading.torn] == [(path, 3)]
        assert whole[start_of_last:length].decode().startswith(reading.torn[0].text)
    path.write_bytes(whole[:-1])
    assert len(ledger.read().lines) == 3


def test_a_line_that_a_full_disk_cut_short_does_not_spoil_the_next(ledger: Ledger) -> None:
    def fill_then_go_on() -> None:
        ledger.hit(WORK)
        (path,) = ledger.root.glob("*.jsonl")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
        try:
            ledger.hit(WORK)
        except OSError:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            ledger.hit(WORK)
        else:
            os._exit(8)

    assert ended(forked(fill_then_go_on)) == 0
    reading = ledger.read()
    assert len(reading.lines) == 2
    assert [len(torn.text) for torn in reading.torn] == [100]


def test_an_empty_ledger_reads_as_nothing(ledger: Ledger) -> None:
    reading = ledger.read()
    assert reading.lines == reading.unended == reading.torn == ()
    assert not ledger.root.exists()


@pytest.mark.gpu
def test_a_gpu_task_has_its_seconds_its_energy_and_its_memory(ledger: Ledger) -> None:
    with ledger.metered(WORK, "cuda:0"):
        square = torch.rand(8192, 8192, device="cuda:0")
        for _ in range(50):
            square = square @ square / 8192
        torch.cuda.synchronize()
        time.sleep(0.3)
    line = only(ledger)
    assert line.gpu_s == pytest.approx(line.wall_s, abs=0.01)
    assert line.energy_j is None or line.energy_j > 1
    assert line.peak_vram_bytes is not None
    assert line.peak_vram_bytes >= 2 * 8192 * 8192 * 4
