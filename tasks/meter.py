"""What a block of work on a reel used: wall clock, CPU, GPU, energy, memory; of this process and the programs it ran.

Prefect runs tasks as threads of one process, and torch, OpenCV and our own pools add threads that the kernel does not
ascribe to a task. So each start and each end of a block is a reading, and what was used between two readings is shared
out among the blocks then open:

- CPU: a block has its own thread's CPU time, exactly; all else the process and its finished children used is shared
  equally. The sum over blocks is the process's own total while any was open, to the tick; one block's share is off by
  at most what the pools and children of the others did at the same time, and is exact when it was alone. A child
  program (ffmpeg) counts when it is waited for.
- GPU seconds: time for which the block held the device, shared equally among its holders in this process; it is what
  a lab pays for, busy or not. Energy: the board's own counter (NVML), shared alike; other processes' use is in it.
- Peak memory is the process's (threads share it) with its children's, at its highest while the block was open:
  sampled each 0.1 s, and the kernel's own high-water mark where the block raised that. Peak VRAM is the high-water mark
  of torch's allocator, which is reset when a block on the same device starts or ends.

None where the machine cannot tell: no CUDA device asked for, no NVML, no /proc.
"""

import contextlib
import functools
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynvml
import torch
from pydantic import BaseModel, ConfigDict

SAMPLE_S = 0.1


class Usage(BaseModel):
    """What one block of work used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wall_s: float
    cpu_s: float
    gpu_s: float | None
    energy_j: float | None
    peak_rss_bytes: int | None
    peak_vram_bytes: int | None


class Block:
    """A block of work that is being measured."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.thread = threading.get_ident()
        self._own_clock = time.pthread_getcpuclockid(self.thread)
        self._own_s = time.clock_gettime(self._own_clock)
        self._start = time.monotonic()
        self._high_water = _high_water()
        self.cpu_s = 0.0
        self.gpu_s = 0.0
        self.energy_j: float | None = 0.0
        self.rss = 0
        self.vram = 0

    def usage(self) -> Usage:
        """What it has used up to the last reading."""
        high_water = _high_water()
        rss = max(self.rss, high_water) if high_water > self._high_water else self.rss
        on_gpu = self.device.type == "cuda"
        return Usage(
            wall_s=time.monotonic() - self._start,
            cpu_s=self.cpu_s,
            gpu_s=self.gpu_s if on_gpu else None,
            energy_j=self.energy_j if on_gpu else None,
            peak_rss_bytes=rss or None,
            peak_vram_bytes=self.vram if on_gpu else None,
        )

    def own_s(self) -> float:
        """CPU seconds of its thread since this was last asked."""
        before, self._own_s = self._own_s, time.clock_gettime(self._own_clock)
        return self._own_s - before


@contextlib.contextmanager
def measured(device: str = "cpu") -> Iterator[Callable[[], Usage]]:
    """Measure a block; calling what it yields, inside or after the block, gives the usage up to then or to its end.

    Args:
        device: what the block computes on: `cpu`, `cuda:0` ...

    Raises:
        RuntimeError: a block is open on this thread already; they do not nest.
    """
    block = _process.opened(torch.device(device))
    final: list[Usage] = []

    def usage() -> Usage:
        return final[0] if final else _process.read(block)

    try:
        yield usage
    finally:
        final.append(_process.closed(block))


class _Process:
    """The open blocks of this process and its counters at the last reading."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: list[Block] = []
        self.cpu_s = 0.0
        self.at = 0.0
        self.energy_j: dict[torch.device, float | None] = {}
        self.sampler: threading.Thread | None = None

    def opened(self, device: torch.device) -> Block:
        with self.lock:
            if any(block.thread == threading.get_ident() for block in self.open):
                raise RuntimeError(
                    "measured blocks do not nest: one is open on this thread, and its line would be doubled"
                )
            self._settle()
            block = Block(device)
            self.open.append(block)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
                self.energy_j[device] = _energy_j(device)
            self._sample()
            if self.sampler is None:
                self.sampler = threading.Thread(target=self._watch, name="memory sampler", daemon=True)
                self.sampler.start()
            return block

    def read(self, block: Block) -> Usage:
        with self.lock:
            self._settle()
            self._sample()
            return block.usage()

    def closed(self, block: Block) -> Usage:
        with self.lock:
            self._settle()
            self._sample()
            self.open.remove(block)
            return block.usage()

    def _settle(self) -> None:
        """Share out what was used since the last reading."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s, at = time.process_time() + children.ru_utime + children.ru_stime, time.monotonic()
        used, passed = cpu_s - self.cpu_s, at - self.at
        self.cpu_s, self.at = cpu_s, at
        if not self.open:
            return
        own = [block.own_s() for block in self.open]
        rest = max(0.0, used - sum(own)) / len(self.open)
        for block, seconds in zip(self.open, own, strict=True):
            block.cpu_s += seconds + rest
        for device in {block.device for block in self.open if block.device.type == "cuda"}:
            self._settle_gpu(device, passed)

    def _settle_gpu(self, device: torch.device, passed: float) -> None:
        holders = [block for block in self.open if block.device == device]
        before, after = self.energy_j.get(device), _energy_j(device)
        self.energy_j[device] = after
        vram = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        for block in holders:
            block.gpu_s += passed / len(holders)
            block.vram = max(block.vram, vram)
            if block.energy_j is None or before is None or after is None:
                block.energy_j = None
            else:
                block.energy_j += (after - before) / len(holders)

    def _sample(self) -> None:
        rss = _tree_rss()
        for block in self.open:
            block.rss = max(block.rss, rss)

    def _watch(self) -> None:
        while True:
            time.sleep(SAMPLE_S)
            with self.lock:
                if not self.open:
                    self.sampler = None
                    return
                self._sample()


_process = _Process()


def _after_fork() -> None:
    global _process  # noqa: PLW0603 - a forked child has none of its parent's threads, so none of its blocks
    _process = _Process()


os.register_at_fork(after_in_child=_after_fork)


def _status(pid: str, field: str) -> int:
    """A field of /proc/<pid>/status in bytes; 0 where it is not to be had."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def _high_water() -> int:
    return _status("self", "VmHWM")


def _tree_rss() -> int:
    """Resident bytes of this process and of the programs below it."""
    total, pids = 0, [str(os.getpid())]
    while pids:
        pid = pids.pop()
        total += _status(pid, "VmRSS")
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pids.extend(children.read_text().split())
    return total


def _energy_j(device: torch.device) -> float | None:
    """The board's energy counter in joules; None where there is no NVML or the board has no counter."""
    handle = _nvml_handle(device)
    if handle is None:
        return None
    try:
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
    except pynvml.NVMLError:
        return None


@functools.cache
def _nvml_handle(device: torch.device) -> Any:
    # By UUID: NVML counts all boards, torch those that CUDA_VISIBLE_DEVICES leaves.
    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError:
        return None
