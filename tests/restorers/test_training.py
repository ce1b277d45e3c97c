import pytest
import torch
from torch import Tensor

from restorers.networks.card import Recipe
from restorers.training.loop import Batch, Lesson, rate, trained

CPU = torch.device("cpu")


class Doubling(Lesson[torch.nn.Sequential]):
    """A network that is to learn that its second number is twice its first."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def network(self) -> torch.nn.Sequential:
        return torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))

    def batch(self, step: int) -> Batch:
        self.asked.append(step)
        x = torch.rand((16, 1), generator=torch.Generator().manual_seed(step))
        return x, 2 * x

    def loss(self, network: torch.nn.Sequential, batch: Batch) -> Tensor:
        return torch.nn.functional.mse_loss(network(batch[0]), batch[1])

    def scores(self, network: torch.nn.Sequential) -> dict[str, float]:
        return {"error": float(self.loss(network, self.batch(10**6)))}


class Killed(Exception):
    pass


def test_a_lesson_is_learned() -> None:
    losses: list[float] = []
    lesson = Doubling()
    network = trained(
        lesson,
        Recipe(steps=400, rate=1e-2, average=0.9),
        device=CPU,
        keep=lambda *_: None,
        tell=lambda _, loss: losses.append(loss),
    )
    assert losses[0] > 0.5
    assert lesson.scores(network)["error"] < 0.01
    assert not network.training


def test_another_round_keeps_the_share_that_it_is_told_of_what_it_began_with() -> None:
    begin = trained(Doubling(), Recipe(steps=20, seed=1), device=CPU, keep=lambda *_: None, tell=lambda *_: None)
    whole, half = (
        trained(
            Doubling(),
            Recipe(steps=20, seed=1, held=held),
            device=CPU,
            begin=begin.state_dict(),
            keep=lambda *_: None,
            tell=lambda *_: None,
        ).state_dict()
        for held in (0.0, 0.5)
    )
    for name, value in begin.state_dict().items():
        assert not torch.equal(whole[name], value)
        assert torch.allclose(half[name], (whole[name] + value) / 2)


def test_processes_that_make_batches_ahead_change_nothing() -> None:
    recipe = Recipe(steps=30, seed=3)
    alone, aided = (
        trained(Doubling(), recipe, device=CPU, workers=workers, keep=lambda *_: None, tell=lambda *_: None)
        for workers in (0, 2)
    )
    assert all(
        torch.equal(one, two) for one, two in zip(alone.state_dict().values(), aided.state_dict().values(), strict=True)
    )


def test_a_killed_training_goes_on_to_the_same_bits() -> None:
    recipe = Recipe(steps=60, warming=5, seed=3)
    whole = trained(Doubling(), recipe, device=CPU, every=20, keep=lambda *_: None, tell=lambda *_: None)
    kept: list[bytes] = []

    def tell(done: int, _: float) -> None:
        if done == 47:
            raise Killed

    with pytest.raises(Killed):
        trained(Doubling(), recipe, device=CPU, every=20, keep=lambda _, data: kept.append(data), tell=tell)
    again = Doubling()
    resumed = trained(
        again,
        recipe,
        device=CPU,
        checkpoint=kept[-1],
        every=20,
        keep=lambda _, data: kept.append(data),
        tell=lambda *_: None,
    )
    assert again.asked == list(range(40, 60))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


class Blurring(Lesson[torch.nn.Sequential]):
    """A network of convolutions that is to learn a blur, the one in its middle stepping by Muon."""

    def network(self) -> torch.nn.Sequential:
        ends = (torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.Conv2d(8, 1, 3, padding=1))
        middle = torch.nn.Conv2d(8, 8, 3, padding=1).to(memory_format=torch.channels_last)
        return torch.nn.Sequential(ends[0], middle, ends[1])

    def body(self, network: torch.nn.Sequential) -> list[torch.nn.Parameter]:
        middle = network[1]
        assert isinstance(middle, torch.nn.Conv2d)
        return [middle.weight]

    def batch(self, step: int) -> Batch:
        x = torch.rand((8, 1, 12, 12), generator=torch.Generator().manual_seed(step))
        return x, torch.nn.functional.avg_pool2d(x, 3, 1, 1)

    def loss(self, network: torch.nn.Sequential, batch: Batch) -> Tensor:
        return torch.nn.functional.mse_loss(network(batch[0]), batch[1])

    def scores(self, network: torch.nn.Sequential) -> dict[str, float]:
        return {"error": float(self.loss(network, self.batch(10**6)))}


def test_a_body_learns_by_muon_and_goes_on_to_the_same_bits() -> None:
    recipe = Recipe(steps=120, rate=3e-3, warming=5, average=0.9, orthogonal=True)
    kept: list[bytes] = []
    lesson = Blurring()
    whole = trained(lesson, recipe, device=CPU, every=50, keep=lambda _, data: kept.append(data), tell=lambda *_: None)
    plain = trained(
        lesson,
        recipe.model_copy(update={"orthogonal": False}),
        device=CPU,
        keep=lambda *_: None,
        tell=lambda *_: None,
    )
    resumed = trained(
        lesson, recipe, device=CPU, checkpoint=kept[0], every=50, keep=lambda *_: None, tell=lambda *_: None
    )
    assert lesson.scores(whole)["error"] < 0.5 * lesson.scores(trained_not_at_all())["error"]
    assert not torch.equal(whole[1].weight, plain[1].weight)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())


def trained_not_at_all() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return Blurring().network().requires_grad_(False)


def test_a_finished_training_is_not_begun_again() -> None:
    recipe = Recipe(steps=5)
    kept: list[bytes] = []
    done = trained(Doubling(), recipe, device=CPU, keep=lambda _, data: kept.append(data), tell=lambda *_: None)
    lesson = Doubling()
    again = trained(
        lesson, recipe, device=CPU, checkpoint=kept[-1], keep=lambda _, data: kept.append(data), tell=lambda *_: None
    )
    assert lesson.asked == []
    assert torch.equal(done[0].weight, again[0].weight)


def test_a_checkpoint_of_another_recipe_is_refused() -> None:
    kept: list[bytes] = []
    trained(Doubling(), Recipe(steps=5), device=CPU, keep=lambda _, data: kept.append(data), tell=lambda *_: None)
    with pytest.raises(ValueError, match="of the recipe"):
        trained(
            Doubling(),
            Recipe(steps=6),
            device=CPU,
            checkpoint=kept[-1],
            keep=lambda _, data: kept.append(data),
            tell=lambda *_: None,
        )


def test_training_leaves_the_chance_of_others_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(Doubling(), Recipe(steps=2), device=CPU, keep=lambda *_: None, tell=lambda *_: None)
    assert torch.equal(torch.rand(3), expected)


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(steps=1000, rate=2.0, warming=99)
    rates = [rate(step, recipe) for step in range(1000)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[99] == rates[599] == 2.0
    assert rates[800] == pytest.approx(1.0)
    assert rates[-1] < 1e-4


def test_a_training_is_made_longer_as_if_it_had_been_from_the_beginning() -> None:
    kept: list[bytes] = []
    short, long = Recipe(steps=20, warming=2), Recipe(steps=40, warming=2)
    trained(Doubling(), short, device=CPU, every=10, keep=lambda _, data: kept.append(data), tell=lambda *_: None)
    whole = trained(Doubling(), long, device=CPU, keep=lambda *_: None, tell=lambda *_: None)
    resumed = trained(Doubling(), long, device=CPU, checkpoint=kept[0], keep=lambda *_: None, tell=lambda *_: None)
    assert torch.equal(whole[0].weight, resumed[0].weight)
    with pytest.raises(ValueError, match="20 steps on"):
        trained(Doubling(), long, device=CPU, checkpoint=kept[1], keep=lambda *_: None, tell=lambda *_: None)


def test_a_training_that_has_ended_goes_on_for_another_round() -> None:
    kept: list[bytes] = []
    first = Recipe(steps=20, warming=2)
    second = Recipe(steps=50, warming=2, rounds=(20,))
    trained(Doubling(), first, device=CPU, keep=lambda _, data: kept.append(data), tell=lambda *_: None)
    whole = trained(Doubling(), second, device=CPU, keep=lambda *_: None, tell=lambda *_: None)
    resumed = trained(Doubling(), second, device=CPU, checkpoint=kept[-1], keep=lambda *_: None, tell=lambda *_: None)
    assert torch.equal(whole[0].weight, resumed[0].weight)
    assert [rate(step, second) == second.rate for step in (19, 20, 22, 30, 49)] == [False, False, True, True, False]
