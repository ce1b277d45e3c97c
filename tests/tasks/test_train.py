from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from restorers.networks.painter import Painter
from restorers.networks.weights import card, opened
from restorers.restorer import Bench
from restorers.training.stepping import Steps
from tasks.courses import COURSES
from tasks.lab import Lab
from tasks.material import Material, Untrainable
from tasks.progress import Step, watched
from tasks.train import Training, Workshop


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures and one of shapes."""
    folder = tmp_path_factory.mktemp("school")
    chance = np.random.default_rng(5)
    for name in ("pictures", "shapes"):
        (folder / name).mkdir()
    for number in range(3):
        rough = chance.integers(0, 256, (12, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"pictures/{number}.png"), cv2.resize(rough, (100, 100)))
        shape = np.zeros((40, 40, 4), np.uint8)
        shape[10:20, 12 : 14 + number] = 255
        cv2.imwrite(str(folder / f"shapes/{number}.png"), shape)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The painter with fewer weights than it has, so that its steps are short."""
    course = replace(COURSES["painter"], settings={"width": 4, "depth": 4})
    monkeypatch.setattr("tasks.train.COURSES", {"painter": course})


def training(school: Path, out: Path) -> Training:
    return Training(
        name="painter",
        data=school / "pictures",
        licence="ours",
        shapes=school / "shapes",
        shapes_licence="ours too",
        out=out,
        minutes=1e-3,
    )


def test_a_network_is_trained_and_can_be_opened_by_its_card(school: Path, tmp_path: Path) -> None:
    lab = Lab(root=tmp_path)
    told: list[Step] = []
    workshop = Workshop(training(school, tmp_path / "out"), lab)
    assert workshop.cost().left == workshop.cost().steps == workshop.begun.recipe.steps
    with watched(told.append):
        made = workshop.run()
    assert told[-1].done == told[-1].total == made.recipe.steps
    bench = Bench(weights=lambda name: tmp_path / "out" / f"{name}.safetensors")
    assert card("painter", bench) == made
    assert made.parameters == sum(each.numel() for each in opened("painter", Painter, bench).parameters())
    assert [(data.name, data.licence) for data in made.data] == [("pictures", "ours"), ("shapes", "ours too")]
    assert made.cpu_s > 0
    assert "dust, painted, dB" in made.scores
    again = Workshop(training(school, tmp_path / "out"), lab)
    assert again.cost().left == 0
    assert again.cost().money == 0
    other = Workshop(training(school, tmp_path / "out").model_copy(update={"again": True}), lab)
    assert other.cost().left > 0
    assert other.run().recipe.rounds == (made.recipe.steps,)


def test_another_round_in_a_new_folder_begins_with_the_weights_in_use(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(root=tmp_path)
    begun = Workshop(training(school, tmp_path / "out"), lab).run()
    monkeypatch.setattr("restorers.networks.weights.HOME", tmp_path / "out")
    anew = training(school, tmp_path / "again").model_copy(update={"again": True})
    workshop = Workshop(anew, lab)
    still = {"steps": 1, "rate": 1e-12, "warming": 0, "decay": 0.0}
    workshop.begun = workshop.begun.model_copy(update={"recipe": workshop.begun.recipe.model_copy(update=still)})
    made = workshop.run()
    assert made.begun_with == begun.sha256
    assert made.cpu_s > begun.cpu_s > 0  # with what was spent before
    assert made.sha256 == begun.sha256  # a step that leads nowhere


def test_nothing_is_held_of_weights_that_were_not_begun_with(school: Path, tmp_path: Path) -> None:
    held = training(school, tmp_path / "out").model_copy(update={"held": 0.5})
    with pytest.raises(Untrainable, match="--again in a new folder"):
        Workshop(held, Lab(root=tmp_path))


def test_as_much_is_held_in_the_end_as_was_said_at_the_beginning(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(root=tmp_path)
    Workshop(training(school, tmp_path / "out"), lab).run()
    monkeypatch.setattr("restorers.networks.weights.HOME", tmp_path / "out")
    anew = training(school, tmp_path / "again").model_copy(update={"again": True, "held": 0.5})
    assert Workshop(anew, lab).run().recipe.held == 0.5
    with pytest.raises(Untrainable, match=r"keeps 0\.5 of what it began with, not 0"):
        Workshop(anew.model_copy(update={"held": 0.0}), lab)


def test_another_round_is_refused_to_a_network_of_another_size(school: Path, tmp_path: Path) -> None:
    anew = training(school, tmp_path / "again").model_copy(update={"again": True})
    with pytest.raises(Untrainable, match="of another size"):
        Workshop(anew, Lab(root=tmp_path)).run()


def test_a_killed_training_goes_on_to_the_same_weights(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.train.EVERY", 1)
    lab = Lab(root=tmp_path)

    def kill(step: Step) -> None:
        if step.done == 2:
            raise Killed

    killed = Workshop(training(school, tmp_path / "killed"), lab)
    killed.begun = killed.begun.model_copy(
        update={"recipe": killed.begun.recipe.model_copy(update={"steps": 3, "warming": 0})}
    )
    whole = Workshop(training(school, tmp_path / "whole"), lab)
    whole.begun = killed.begun
    with watched(kill), pytest.raises(Killed):
        killed.run()
    resumed = Workshop(training(school, tmp_path / "killed"), lab)
    assert resumed.begun.done == 2
    assert resumed.run().sha256 == whole.run().sha256


def test_a_step_is_shared_among_all_cores_and_goes_on_with_as_many(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    stepped = Steps.step

    def step(steps: Steps, rate: float) -> None:
        seen.add(torch.get_num_threads())
        stepped(steps, rate)

    monkeypatch.setattr(Steps, "step", step)
    two = Workshop(training(school, tmp_path / "out"), Lab(root=tmp_path, workers=2))
    cost = two.cost()
    assert cost.cores == 2
    assert cost.money == pytest.approx(2 * cost.hours * two.lab.rates.cpu_hour)
    two.run()
    assert seen == {2}
    assert torch.get_num_threads() == 1  # as frames are worked on
    more = training(school, tmp_path / "out").model_copy(update={"again": True})
    assert Workshop(more, Lab(root=tmp_path, workers=1)).cost().cores == 2
    assert Workshop(training(school, tmp_path / "new"), Lab(root=tmp_path, workers=1)).cost().cores == 1


def test_a_folder_with_a_training_of_other_pictures_is_refused(school: Path, tmp_path: Path) -> None:
    lab, out = Lab(root=tmp_path), tmp_path / "out"
    Workshop(training(school, out), lab).run()
    other = training(school, out).model_copy(update={"shapes": None})
    with pytest.raises(Untrainable, match="from other data"):
        Workshop(other, lab)


def test_what_cannot_be_trained_is_said(school: Path, tmp_path: Path) -> None:
    lab, asked = Lab(root=tmp_path), training(school, tmp_path / "out")
    with pytest.raises(Untrainable, match=r"no network 'writer'.*painter"):
        Workshop(asked.model_copy(update={"name": "writer"}), lab)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Untrainable, match="holds no file of the kinds wanted"):
        Workshop(asked.model_copy(update={"data": tmp_path / "empty"}), lab)
    (tmp_path / "empty" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(Untrainable, match=r"broken\.jpg cannot be read"):
        Workshop(asked.model_copy(update={"data": tmp_path / "empty"}), lab)
    with pytest.raises(Untrainable, match="of at least 96 pixels"):
        Workshop(asked.model_copy(update={"data": school / "shapes", "shapes": None}), lab)


def test_films_are_taken_in_scenes_no_higher_than_540_lines(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("ffv1", 24, width=800, height=600, pix_fmt="gray")
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((600, 800), 10 * number, np.uint8), "gray")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((8, 8), np.uint8))
    (scenes,) = Material.of(tmp_path, films=tmp_path).films
    assert [scene.shape for scene in scenes] == [(6, 540, 720)] * 2
    assert [scene[:, 0, 0].tolist() for scene in scenes] == [list(range(0, 60, 10)), list(range(120, 180, 10))]


def test_a_film_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "torn.mp4").write_bytes(b"no film")
    with pytest.raises(Untrainable, match=r"torn\.mp4 cannot be read"):
        Material.of(tmp_path, films=tmp_path)


@pytest.mark.parametrize(("name", "learner"), [("enhancer", "an enhancer"), ("assessor", "an assessor")])
def test_pictures_that_are_too_small_for_a_network_are_refused(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, learner: str
) -> None:
    monkeypatch.setattr("tasks.train.COURSES", COURSES)
    asked = training(school, tmp_path / "out").model_copy(update={"name": name, "shapes": None})
    with pytest.raises(Untrainable, match=f"pictures: {learner} learns from .* at least 256 pixels a side, not from 3"):
        Workshop(asked, Lab(root=tmp_path / "lab"))
