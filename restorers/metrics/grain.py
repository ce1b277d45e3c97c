"""How strong and how fine the grain is, read off its spectrum.

Measured between neighboring frames (restorers.metrics.spectrum), since the residual of a filter is biased by the
filter. A denoiser that averages frames leaves noise that they share: it counts as picture.
"""

import numpy as np

from restorers.metrics.spectrum import Floats, bin_shares


def grain_sigma(spectrum: Floats) -> float:
    """Standard deviation of the grain whose radial spectrum `(23,)` this is, in units of the frames."""
    return float(np.sqrt(spectrum @ bin_shares(64)))


def grain_fineness(spectrum: Floats) -> float | None:
    """Share of the grain's variance above 1/4 cycle per pixel; 0.80 for white noise, None without grain."""
    parts = spectrum * bin_shares(64)
    return float(parts[8:].sum() / parts.sum()) if parts.sum() > 0 else None
