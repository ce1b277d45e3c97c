"""How like the film's own the grain is that is laid again, and how well film grain is told from other noise.

python -m tests.benchmarks.grain [--quick] [--only SECTION ...] [--shots N] [--familiar] [--ours] [--out FOLDER]
"""

from tests.benchmarks import characters, regraining
from tests.benchmarks.suite import run

if __name__ == "__main__":
    run("grain", __doc__, (regraining, characters), regraining.speed)
