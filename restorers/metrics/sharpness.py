"""How sharp the picture is, grain aside.

Read off the spectrum that neighboring frames share (restorers.metrics.spectrum), so that noise, or grain that is laid
again, cannot pass for detail. It is a ratio of the picture's own fine and coarse detail: a change of contrast leaves it
alone.
"""

import numpy as np

from restorers.metrics.spectrum import BIN, BINS, Floats, bin_shares

COARSE = (1 / 32, 1 / 8)  # cycles per pixel
FINE = (1 / 8, 1 / 2)


def sharpness(spectrum: Floats) -> float | None:
    """Amplitude of fine over coarse detail in the picture's radial spectrum `(23,)`; None where it has neither.

    Fine is 1/8 to 1/2 cycle per pixel, coarse 1/32 to 1/8.
    """
    power = spectrum * bin_shares(64)
    center = (np.arange(BINS) + 0.5) * BIN
    fine = power[(center > FINE[0]) & (center < FINE[1])].sum()
    coarse = power[(center > COARSE[0]) & (center < COARSE[1])].sum()
    return float(np.sqrt(max(fine, 0.0) / coarse)) if coarse > 0 else None
