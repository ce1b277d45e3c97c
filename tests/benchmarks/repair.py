"""What ours and its peers find on spoilt shots whose truth is known, and what they make of it.

python -m tests.benchmarks.repair [--quick] [--only SECTION ...] [--shots N] [--familiar] [--ours] [--out FOLDER]
"""

from tests.benchmarks import repair_speed, repaired_films, repairing, stills
from tests.benchmarks.suite import run

if __name__ == "__main__":
    run("repair", __doc__, (repairing, stills, repaired_films), repair_speed.rows)
