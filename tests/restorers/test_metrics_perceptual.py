import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from restorers.metrics.perceptual import ALEX, MissingTrunk, PerceptualDistance, Trunk, found, trunk_path
from restorers.restorer import MissingWeights


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random numbers in the shapes of AlexNet's features: they say nothing about how pictures look."""
    shapes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    generator = torch.Generator().manual_seed(5)
    state = {}
    for layer, (out, into, size) in shapes.items():
        scale = (2 / (into * size * size)) ** 0.5
        state[f"features.{layer}.weight"] = scale * torch.randn((out, into, size, size), generator=generator)
        state[f"features.{layer}.bias"] = 0.1 * torch.randn(out, generator=generator)
    return state


@pytest.fixture(scope="module")
def random_trunk(weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trunk]:
    home = tmp_path_factory.mktemp("torch")
    path = trunk_path(home, Trunk("alex", "random.pth", ""))
    path.parent.mkdir(parents=True)
    torch.save(weights, path)
    return home, Trunk("alex", "random.pth", hashlib.sha256(path.read_bytes()).hexdigest()[:8])


def test_a_missing_trunk_is_named_with_its_place_and_digest(tmp_path: Path) -> None:
    with pytest.raises(MissingTrunk) as caught:
        PerceptualDistance(tmp_path)
    message = str(caught.value)
    assert "alexnet-owt-7be5be79.pth" in message
    assert "sha256 7be5be79" in message
    assert str(tmp_path / "hub" / "checkpoints") in message
    assert isinstance(caught.value, MissingWeights)


def test_random_weights_under_the_right_name_are_refused(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = trunk_path(tmp_path, ALEX)
    path.parent.mkdir(parents=True)
    torch.save(weights, path)
    with pytest.raises(MissingTrunk, match="another or damaged"):
        PerceptualDistance(tmp_path)


def test_a_trunk_that_lost_a_byte_is_refused(random_trunk: tuple[Path, Trunk], tmp_path: Path) -> None:
    home, trunk = random_trunk
    path = trunk_path(tmp_path, trunk)
    path.parent.mkdir(parents=True)
    path.write_bytes(trunk_path(home, trunk).read_bytes()[:-1])
    with pytest.raises(MissingTrunk, match="another or damaged"):
        found(tmp_path, trunk)


def test_the_distance_is_the_one_the_paper_defines(
    random_trunk: tuple[Path, Trunk], weights: dict[str, torch.Tensor]
) -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = torch.rand((2, 3, 72, 96), generator=generator)
    distance = PerceptualDistance(*random_trunk)
    assert distance(a, a) == 0
    assert distance(a, b) == pytest.approx(published(a, b, weights), rel=1e-4)


def test_frames_that_cannot_be_compared_are_refused(random_trunk: tuple[Path, Trunk]) -> None:
    distance = PerceptualDistance(*random_trunk)
    with pytest.raises(ValueError, match="from 32 pixels on"):
        distance(torch.zeros(3, 64, 64), torch.zeros(3, 64, 65))


def test_restorers_are_measured_without_loading_the_package() -> None:
    code = "import sys, restorers.metrics.perceptual; sys.exit('lpips' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def published(a: torch.Tensor, b: torch.Tensor, weights: dict[str, torch.Tensor]) -> float:
    """LPIPS written out from Zhang et al. 2018, equation 1, with the weights of the package's last layers."""
    import lpips

    heads = torch.load(Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth", "cpu", weights_only=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    features = []
    for picture in (a, b):
        x = (((2 * picture - 1) - shift[:, None, None]) / scale[:, None, None])[None]
        layers = []
        for layer, (stride, pad) in {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}.items():
            if layer in {3, 6}:
                x = torch.nn.functional.max_pool2d(x, 3, 2)
            kernel, bias = weights[f"features.{layer}.weight"], weights[f"features.{layer}.bias"]
            x = torch.relu(torch.nn.functional.conv2d(x, kernel, bias, stride, pad))
            layers.append(x / torch.sqrt((x**2).sum(1, keepdim=True)))
        features.append(layers)
    return sum(
        float((heads[f"lin{i}.model.1.weight"] * (one - other) ** 2).sum(1).mean())
        for i, (one, other) in enumerate(zip(*features, strict=True))
    )
