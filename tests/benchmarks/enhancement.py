"""What ours and its peers make of small, worn and compressed pictures whose originals are known.

python -m tests.benchmarks.enhancement [--quick] [--only SECTION ...] [--shots N] [--familiar] [--ours] [--out FOLDER]
"""

from tests.benchmarks import coded, enlarged_films, enlarging, flickering, looks, overshoot, quantized, upscaled_speed
from tests.benchmarks.suite import run

if __name__ == "__main__":
    parts = (enlarging, enlarged_films, looks, coded, flickering, overshoot, quantized)
    run("enhancement", __doc__, parts, upscaled_speed.rows)
