"""Fitting what tells film grain from other noise: from a folder of photographs to weights for the package."""

import time
from itertools import islice
from pathlib import Path

from restorers.training.character import fitted, measured_traits
from restorers.training.histories import SIZE, samples
from tasks.material import Material, Untrainable
from tasks.media.recode import recoded
from tasks.progress import tell
from tasks.rates import Rates
from tasks.train import Cost

TIMED = 8  # shots whose mean tells what one costs


class Fitting:
    """A fit of some shots' traits, of which the first few have been measured."""

    def __init__(self, data: Path, licence: str, *, shots: int, seed: int = 0) -> None:
        """Read the photographs, and measure a few shots, to know what one costs.

        Args:
            data: folder of photographs.
            licence: of these.
            shots: how many are simulated; every fourth is a single frame.
            seed: of all that is random in them.

        Raises:
            Untrainable: the folder holds no photographs, or too small ones.
        """
        photographs = Material.of(data).photographs
        small = sum(min(each.shape[:2]) < min(SIZE) or max(each.shape[:2]) < max(SIZE) for each in photographs)
        if small:
            raise Untrainable(f"{data}: {small} of {len(photographs)} photographs are smaller than {SIZE} pixels")
        self.shots = shots
        self._said = f"{data.name} ({licence}), {len(photographs)} photographs: {shots} shots, seed {seed}"
        self._measured = measured_traits(samples(photographs, shots, recoded, seed=seed))
        begin = time.process_time()
        self._learned = list(islice(self._measured, TIMED))
        self.shot_s = (time.process_time() - begin) / len(self._learned)

    def cost(self, rates: Rates) -> Cost:
        """What is left to do, in shots, at a lab's rates."""
        left = self.shots - len(self._learned)
        hours = left * self.shot_s / 3600
        return Cost(self.shots, left, hours, hours * rates.cpu_hour, rates.currency)

    def run(self, out: Path) -> Path:
        """Measure the other shots, fit, and give where the weights are put: `character.json` in a folder."""
        for each in self._measured:
            self._learned.append(each)
            tell("measure", "shots", len(self._learned), self.shots)
        made = fitted(self._learned, self._said)
        out.mkdir(parents=True, exist_ok=True)
        where = out / "character.json"
        where.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return where
