from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from restorers.clip import Origin
from restorers.enhancement import Enhancement
from restorers.enhancing.drawing import brightness
from restorers.enhancing.scanning import scanned_again
from restorers.networks import NUMBERS
from restorers.networks.card import digest
from restorers.networks.foreign import Brought
from restorers.networks.weights import HOME
from restorers.restorer import Bench, MissingWeights, RestorationError
from tests.restorers.enhancing import diagnosis, grainy
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.test_foreign import compact, kept


def test_int8_is_what_a_draft_runs_in() -> None:
    clean, _ = grainy()
    remedy = Enhancement(profile="draft", scale=2).examine(footage_of(clean), Bench())
    assert "int8" in remedy.ran
    assert remedy.halo == 0


def test_a_remedy_found_on_another_device_is_refused() -> None:
    clean, _ = grainy()
    remedy = Enhancement(scale=2).examine(footage_of(clean), Bench()).model_copy(update={"device": "cuda"})
    with pytest.raises(RestorationError, match="examine them there"):
        remedy.apply(clip_of(clean), Bench())


@pytest.mark.parametrize("name", ["assessor", "enhancer"])
def test_weights_that_are_not_there_are_an_error(name: str, tmp_path: Path) -> None:
    clean, _ = grainy()
    bench = Bench(weights=lambda each: (tmp_path if each == name else HOME) / f"{each}.safetensors")
    with pytest.raises(MissingWeights, match=name):
        Enhancement(scale=2).examine(footage_of(clean), bench)


def test_a_network_that_was_brought_is_wanted_in_the_labs_folder(tmp_path: Path) -> None:
    clean, _ = grainy()
    brought = Brought(file="mine.safetensors", sha256="0" * 64, licence="CC0")
    treatment = Enhancement(scale=2, network=brought)
    assert treatment.networks == ()
    with pytest.raises(MissingWeights, match="no folder"):
        treatment.examine(footage_of(clean), Bench())
    with pytest.raises(MissingWeights, match="put it there"):
        treatment.examine(footage_of(clean), Bench(brought=tmp_path))


def test_a_network_that_was_brought_draws_and_marks_its_pixels_as_generated(tmp_path: Path) -> None:
    clean, _ = grainy()
    weights = kept(compact(), tmp_path / "mine.safetensors")
    brought = Brought(file=weights.name, sha256=digest(weights.read_bytes()), licence="CC0-1.0")
    bench = Bench(brought=tmp_path)
    remedy = Enhancement(scale=2, network=brought).examine(footage_of(clean), bench)
    made = remedy.apply(clip_of(clean), bench)
    assert "RealESRGAN Compact" in remedy.ran
    assert (made.origin == Origin.GENERATED + NUMBERS["brought"]).all()
    assert made.frames.shape == (5, 3, 256, 320)
    again = torch.stack([scanned_again(brightness(frame), 2, 0.0) for frame in made.frames])
    assert float((again - brightness(clean))[..., 4:-4, 4:-4].abs().mean()) < 0.01
    with pytest.raises(RestorationError, match="draws x2"):
        Enhancement(scale=4, network=brought).examine(footage_of(clean), bench)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"grain": "stock:kodak-tri-x-400"}, "frame_mm"),
        ({"grain": "stock:agfa-unheard-of", "frame_mm": 22}, "known are stock:"),
        ({"grain": "much"}, "pattern"),
        ({"profile": "linear", "precision": "int8"}, "no network works"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Enhancement.model_validate(settings)


def test_a_diagnosis_in_words() -> None:
    assert "film (100% likely), blur 1.2 px" in diagnosis(visible=0.02, blur=1.2).words()
    assert "not to be seen" in diagnosis().words()
