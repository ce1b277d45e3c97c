from pathlib import Path

import pytest

from restorers.deflicker import Deflicker
from restorers.networks.weights import card
from restorers.restorer import Bench, MissingWeights
from tasks.examine import examination
from tasks.lab import Lab


class Painted(Deflicker):
    """A treatment that works with a network."""

    @property
    def networks(self) -> tuple[str, ...]:
        return ("painter",)


class Lost(Deflicker):
    """A treatment whose network nobody has."""

    @property
    def networks(self) -> tuple[str, ...]:
        return ("nobody",)


def test_the_weights_of_its_networks_are_part_of_an_examinations_recipe(tmp_path: Path) -> None:
    lab = Lab(root=tmp_path)
    assert examination((), Painted(), lab)["weights"] == {"painter": card("painter", Bench()).sha256}
    assert "weights" not in examination((), Deflicker(), lab)


def test_an_examination_without_its_network_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="nobody"):
        examination((), Lost(), Lab(root=tmp_path))
