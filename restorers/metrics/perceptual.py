"""How different two pictures look, by LPIPS: distances between the features of a network trained on photographs.

Zhang, Isola, Efros, Shechtman, Wang, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
doi:10.1109/CVPR.2018.00068. The `lpips` package carries the weights of its last layers only; the trunk beneath them is
a torchvision file that somebody must have put on the machine. Left to itself the package would fetch that file, or take
whatever bears its name; here it is read from where it should be, checked against its digest, and without it the metric
is absent.

Errors: MissingWeights(RestorationError)
        └── MissingTrunk(MissingWeights), the trunk's file is not there, or not the one pinned
"""

import hashlib
import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from restorers.restorer import MissingWeights
from restorers.vision import provide_torchvision

SMALLEST = 32  # pixels; deeper layers see nothing of smaller frames


class MissingTrunk(MissingWeights):
    """LPIPS has no trunk on this machine; says which file it wants where."""


@dataclass(frozen=True)
class Trunk:
    """A trunk of LPIPS.

    Attributes:
        name: as the `lpips` package calls it.
        file: name of torchvision's file.
        digest: first hexadecimal digits of the file's sha256.
    """

    name: str
    file: str
    digest: str


ALEX = Trunk("alex", "alexnet-owt-7be5be79.pth", "7be5be79")
VGG = Trunk("vgg", "vgg16-397923af.pth", "397923af")
SQUEEZE = Trunk("squeeze", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0")


class PerceptualDistance:
    """LPIPS 0.1 with a trunk that was found and is the one it says it is."""

    def __init__(self, torch_home: Path, trunk: Trunk = ALEX) -> None:
        """Read the trunk.

        Args:
            torch_home: torch's cache folder, as TORCH_HOME names it; the file lies in its `hub/checkpoints`.
            trunk: which one; papers report `ALEX`.

        Raises:
            MissingTrunk: the file is not there, or its digest is another.
        """
        self.trunk = trunk
        found(torch_home, trunk)
        weights = torch.load(trunk_path(torch_home, trunk), map_location="cpu", weights_only=True)
        lpips = _lpips()
        with warnings.catch_warnings():
            # The package builds its networks by arguments torchvision has given up.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.models\._utils")
            self._network = lpips.LPIPS(net=trunk.name, version="0.1", pnet_rand=True, verbose=False)
        # The package keeps torchvision's numbering: `slice2.3.weight` is `features.3.weight`.
        self._network.net.load_state_dict(
            {name: weights[f"features.{name.partition('.')[2]}"] for name in self._network.net.state_dict()}
        )
        self._network.requires_grad_(False)

    def __call__(self, reference: Tensor, tested: Tensor) -> float:
        """LPIPS of two frames, 0 for equal ones.

        Args:
            reference: `(3, H, W)` in `Space.SRGB`, 0 to 1, clipped to it.
            tested: the same shape.

        Raises:
            ValueError: the shapes differ, or the frames are too small for the trunk.
        """
        if reference.shape != tested.shape or min(reference.shape[-2:]) < SMALLEST:
            raise ValueError(
                f"LPIPS compares frames of one size from {SMALLEST} pixels on, "
                f"not {tuple(reference.shape)} and {tuple(tested.shape)}"
            )
        a, b = (torch.clamp(frame, 0, 1).to("cpu", torch.float32)[None] for frame in (reference, tested))
        return float(self._network(a, b, normalize=True))


def trunk_path(torch_home: Path, trunk: Trunk) -> Path:
    """Where a trunk's file is looked for."""
    return torch_home / "hub" / "checkpoints" / trunk.file


def found(torch_home: Path, trunk: Trunk) -> str:
    """Digest of a trunk's file, which is there and is the one pinned.

    Raises:
        MissingTrunk: the file is not there, or its digest is another.
    """
    path = trunk_path(torch_home, trunk)
    wanted = f"LPIPS wants {trunk.file} (sha256 {trunk.digest}...) at {path}"
    if not path.is_file():
        raise MissingTrunk(f"{wanted}: there is no such file")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(trunk.digest):
        raise MissingTrunk(f"{wanted}: the file there has sha256 {digest[:16]}..., it is another or damaged")
    return digest


def _lpips() -> ModuleType:
    provide_torchvision()
    return importlib.import_module("lpips")
