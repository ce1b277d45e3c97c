"""Fitting what tells film grain from other noise: from a folder of photographs to weights for the package."""

from pathlib import Path

from restorers.training.character import fitted, measured_traits
from restorers.training.histories import SIZE, samples
from tasks.material import Material, Untrainable
from tasks.media.recode import recoded
from tasks.progress import tell


def fitted_weights(data: Path, licence: str, out: Path, *, shots: int, seed: int = 0) -> Path:
    """Where the weights are put, `character.json` in `out`; a shot takes a CPU second or so.

    Args:
        data: folder of photographs.
        licence: of these.
        out: folder.
        shots: how many are simulated; every fourth is a single frame.
        seed: of all that is random in them.

    Raises:
        Untrainable: the folder holds no photographs, or too small ones.
    """
    photographs = Material.of(data).photographs
    small = sum(min(each.shape[:2]) < min(SIZE) or max(each.shape[:2]) < max(SIZE) for each in photographs)
    if small:
        raise Untrainable(f"{data}: {small} of {len(photographs)} photographs are smaller than {SIZE} pixels")
    learned = []
    for each in measured_traits(samples(photographs, shots, recoded, seed=seed)):
        learned.append(each)
        tell("measure", "shots", len(learned), shots)
    made = fitted(learned, f"{data.name} ({licence}), {len(photographs)} photographs: {shots} shots, seed {seed}")
    out.mkdir(parents=True, exist_ok=True)
    where = out / "character.json"
    where.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return where
