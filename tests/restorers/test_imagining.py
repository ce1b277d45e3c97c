import numpy as np
import pytest
import torch
from skimage import data

from restorers.metrics.perceptual import VGG, PerceptualDistance
from restorers.networks.card import Recipe
from restorers.networks.enhancer import Enhancer, larger
from restorers.training import imagining
from restorers.training.enhancing import Enhancing
from restorers.training.imagining import Critic, Duel, Imagining
from restorers.training.loop import Batch, trained
from restorers.training.pictures import Pictures
from tests.trunks import wants_trunks

PHOTOGRAPHS = [
    np.ascontiguousarray(picture[:256, :384]) for picture in (data.astronaut(), data.coffee(), data.rocket())
]
pytestmark = wants_trunks

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def lesson() -> Imagining:
    enhancing = Enhancing(Pictures(PHOTOGRAPHS[1:]), PHOTOGRAPHS[:1], width=8, depth=1)
    torch.manual_seed(4)
    begin = enhancing.network()
    for parameter in begin.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    return Imagining(enhancing, begin.requires_grad_(False), PerceptualDistance(None, VGG))


def gradients(lesson: Imagining, duel: Duel) -> dict[str, torch.Tensor]:
    duel.zero_grad()
    torch.autograd.backward(lesson.loss(duel, lesson.batch(0)))
    return {name: each.grad.clone() for name, each in duel.named_parameters() if each.grad is not None}


def test_it_begins_as_what_the_enhancer_has_learned_and_leaves_its_critic_behind(lesson: Imagining) -> None:
    duel = lesson.network()
    painter = lesson.kept(duel)
    assert isinstance(painter, Enhancer)
    for name, value in lesson.begin.state_dict().items():
        assert torch.equal(value, painter.state_dict()[name])


def test_what_is_compared_begins_elsewhere_each_time_and_is_the_same_place_of_all(lesson: Imagining) -> None:
    corners = set()
    for step in range(6):
        batch = lesson.batch(step)
        true, likely, beside = lesson.compared(batch[2], batch)
        assert torch.equal(true, likely)
        assert float((true - beside).abs().mean()) < 0.1
        corners.add(tuple(batch[-1].tolist()))
    assert len(corners) > 3


def test_the_critic_learns_nothing_from_what_the_painter_is_to_lessen(
    lesson: Imagining, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    duel = lesson.network()
    state = {name: value.clone() for name, value in duel.state_dict().items()}
    found = []
    for weight in (0.0, 5.0):
        monkeypatch.setattr(imagining, "CRITICAL", weight)
        duel.load_state_dict(state)
        found.append(gradients(lesson, duel))
    for name, value in found[0].items():
        untouched = name.startswith(("critic.", "painter.chroma."))  # it looks at luma alone
        assert torch.allclose(value, found[1][name]) == untouched, name


def test_a_critic_learns_to_tell_and_a_painter_to_look_alike(lesson: Imagining) -> None:
    batch = few(lesson)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        duel = lesson.network()
    before = seen(lesson, duel)
    optimizer = torch.optim.AdamW(duel.parameters(), 1e-3)
    losses = []
    for _ in range(25):
        loss = lesson.loss(duel, batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert seen(lesson, duel) < 0.95 * before
    with torch.no_grad():
        made, beside = lesson.lesson.made(duel.painter, batch[:-1])[:, :1], larger(batch[1][:, :1], 2)
        told = duel.critic(batch[2][:, :1], beside) - duel.critic(made, beside)
    assert float(told.mean()) > 0.1


def few(lesson: Imagining) -> Batch:
    """Four pictures, and where they are compared."""
    *pictures, corner = lesson.batch(8)
    return *(each[:4] for each in pictures), corner


@torch.no_grad()
def seen(lesson: Imagining, duel: Duel) -> float:
    batch = few(lesson)
    made = lesson.lesson.made(duel.painter, batch[:-1])
    gray = (torch.clamp(each[:, :1], 0, 1).expand(-1, 3, -1, -1) for each in (batch[2], made))
    return float(lesson.distance.between(*gray).mean())


def test_a_duel_that_was_killed_goes_on_to_the_same_bits(lesson: Imagining) -> None:
    recipe = Recipe(steps=4, rate=1e-3)
    kept: list[bytes] = []
    whole = trained(lesson, recipe, device=CPU, every=2, keep=lambda _, state: kept.append(state), tell=lambda *_: None)
    again = trained(lesson, recipe, device=CPU, checkpoint=kept[0], keep=lambda *_: None, tell=lambda *_: None)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_critic_sees_what_the_enlargement_lacks() -> None:
    torch.manual_seed(3)
    critic = Critic().eval()
    luma = torch.rand((2, 1, 64, 96))
    assert critic(luma, luma).shape == (2, 1, 8, 12)
    assert not torch.allclose(critic(luma, luma), critic(luma, 0 * luma))


def test_a_lattice_is_told_from_errors_of_chance() -> None:
    chance = torch.randn((4, 1, 128, 128), generator=torch.Generator().manual_seed(5))
    pattern = torch.randn((1, 1, 8, 8), generator=torch.Generator().manual_seed(6)).repeat(4, 1, 16, 16)
    assert float(imagining.lattice(chance, folded=8)) == pytest.approx(1, abs=0.1)
    assert float(imagining.lattice(pattern, folded=8)) == pytest.approx(16, abs=0.1)
    assert float(imagining.lattice(chance + 0.3 * pattern, folded=8)) > 1.5
