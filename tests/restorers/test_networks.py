from pathlib import Path

import pytest
import torch

from restorers.clip import Origin
from restorers.decay import DecayCorrection
from restorers.enhancement import Enhancement
from restorers.enhancing.enlargement import NETWORKS
from restorers.networks import NUMBERS
from restorers.networks.card import Card, Data, Recipe, digest
from restorers.networks.weights import HOME, card, opened, packed
from restorers.restorer import Bench, MissingWeights


class Scaling(torch.nn.Module):
    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.full((channels,), 1 / 3))
        self.dropout = torch.nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(x * self.scale)


def kept(folder: Path, *, sha256: str | None = None) -> Bench:
    weights = packed(Scaling(4))
    (folder / "scaling.safetensors").write_bytes(weights)
    made = Card(
        name="scaling",
        purpose="scales",
        not_for="anything else",
        architecture="Scaling",
        settings={"channels": 4},
        parameters=4,
        sha256=sha256 or digest(weights),
        data=(Data(name="none", licence="none", used="nothing"),),
        recipe=Recipe(steps=1),
        cpu_s=0,
        scores={},
        commit="0" * 40,
    )
    (folder / "scaling.json").write_text(made.model_dump_json())
    return Bench(weights=lambda name: folder / f"{name}.safetensors")


def test_a_network_comes_back_as_float_and_ready_to_run(tmp_path: Path) -> None:
    network = opened("scaling", Scaling, kept(tmp_path))
    assert not network.training
    assert network.scale.dtype == torch.float32
    assert not network.scale.requires_grad
    assert torch.equal(network.scale, torch.full((4,), 1 / 3).half().float())


def test_half_precision_is_not_for_a_cpu(tmp_path: Path) -> None:
    bench = Bench(weights=kept(tmp_path).weights, dtype=torch.float16)
    assert opened("scaling", Scaling, bench).scale.dtype == torch.float32


def test_a_network_is_read_once_a_process(tmp_path: Path) -> None:
    bench = kept(tmp_path)
    assert opened("scaling", Scaling, bench) is opened("scaling", Scaling, bench)


def test_weights_that_are_not_the_ones_on_the_card_are_refused_with_both_digests(tmp_path: Path) -> None:
    bench = kept(tmp_path, sha256="ab" * 32)
    found = digest((tmp_path / "scaling.safetensors").read_bytes())
    with pytest.raises(MissingWeights) as error:
        opened("scaling", Scaling, bench)
    for said in (str(tmp_path / "scaling.safetensors"), "ab" * 32, found):
        assert said in str(error.value)


@pytest.mark.parametrize("gone", ["scaling.safetensors", "scaling.json"])
def test_missing_weights_are_named(tmp_path: Path, gone: str) -> None:
    bench = kept(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(MissingWeights, match=gone):
        opened("scaling", Scaling, bench)


def test_a_card_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bench = kept(tmp_path)
    (tmp_path / "scaling.json").write_text("{}")
    with pytest.raises(MissingWeights, match=r"scaling\.json that cannot be read"):
        opened("scaling", Scaling, bench)


def test_each_network_has_a_number_of_its_own_that_the_origin_map_can_bear() -> None:
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert all(Origin.GENERATED + number <= 255 for number in NUMBERS.values())


@pytest.mark.parametrize("weights", sorted(HOME.glob("*.safetensors")), ids=lambda path: path.stem)
def test_the_weights_that_come_with_the_package_are_the_ones_on_their_cards(weights: Path) -> None:
    said = card(weights.stem, Bench())
    assert said.name == weights.stem
    assert said.name in {*NUMBERS, *NETWORKS.values(), *Enhancement().networks, *DecayCorrection().networks}
    assert said.sha256 == digest(weights.read_bytes())
    assert weights.stat().st_size < 3_000_000
