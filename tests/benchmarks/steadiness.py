"""How steady and even ours and its peers leave shots whose truth is known.

python -m tests.benchmarks.steadiness [--quick] [--only SECTION ...] [--shots N] [--familiar] [--ours] [--out FOLDER]
"""

from tests.benchmarks import evenness, films, speed, steadying
from tests.benchmarks.suite import run

if __name__ == "__main__":
    run("steadiness", __doc__, (steadying, evenness, films), speed.rows)
