"""A reel's budget: work stops before the piece that would go beyond it, and goes on when the budget is raised."""

from manifests.reel import Reel
from tasks.cost import OverBudget, overrun, spent
from tasks.lab import Lab


def stay_within(reel: Reel, lab: Lab) -> None:
    """Go on only while the reel's budget lasts; what was spent on it in earlier runs counts.

    Raises:
        OverBudget: the money or the hours are spent. What is done is kept.
    """
    so_far = spent(line for line in lab.ledger.read().lines if line.reel == reel.id)
    fault = overrun(reel.budget, so_far)
    if fault is not None:
        raise OverBudget(f"{reel.id}: {fault}. What is done is kept: raise the budget and run this again to go on.")
