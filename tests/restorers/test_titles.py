import numpy as np

from restorers.training.titles import CONTRAST, title


def test_a_title_card_is_lettering_on_an_even_ground_and_the_same_again() -> None:
    for seed in range(40):
        card, again = (title(np.random.default_rng(seed), 160, 240) for _ in range(2))
        assert card.shape == (160, 240, 3)
        assert card.dtype == np.uint8
        np.testing.assert_array_equal(card, again)
        luma = card.mean(2)
        assert np.ptp(luma) > 0.4 * CONTRAST
        steps = np.abs(np.diff(luma, axis=0))
        assert 0.3 < (steps == 0).mean() < 1  # the ground is even from line to line, the letters are not


def test_no_two_cards_are_alike() -> None:
    cards = {title(np.random.default_rng(seed), 64, 64).tobytes() for seed in range(20)}
    assert len(cards) == 20
