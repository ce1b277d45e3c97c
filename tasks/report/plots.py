"""Plots of a reel by frequency, as inline SVG that takes its colors from the page and is legible light and dark."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from restorers.metrics.measures import Appearance
from restorers.metrics.spectrum import BIN
from tasks.report.content import ShotSheet

# Each stands for a color of the style sheet.
_INK, _RULE, _BEFORE, _AFTER = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {_INK: "var(--quiet)", _RULE: "var(--rule)", _BEFORE: "var(--before)", _AFTER: "var(--after)"}
_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.1,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "path.simplify_threshold": 0.3,
}


def by_frequency(shots: Sequence[ShotSheet]) -> str | None:
    """Power of the picture and of its grain by frequency, mean over the shots, as SVG; None if not measured."""
    measured = [s for s in shots if s.measures.before.grain_spectrum and s.measures.after.grain_spectrum]
    if not measured:
        return None
    with rc_context({**_STYLE, "svg.hashsalt": "by frequency"}):
        figure = Figure(figsize=(10.0, 3.0), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, 2, sharey=True)
        frequency = (np.arange(16) + 0.5) * BIN
        sides = [s.measures.before for s in measured], [s.measures.after for s in measured]
        titles: tuple[tuple[str, Callable[[Appearance], tuple[float, ...]]], ...] = (
            ("Picture", lambda a: a.picture_spectrum),
            ("Grain", lambda a: a.grain_spectrum),
        )
        for axis, (title, read) in zip(axes, titles, strict=True):
            for color, side in zip((_BEFORE, _AFTER), sides, strict=True):
                power = np.mean([read(appearance)[:16] for appearance in side], axis=0)
                axis.semilogy(frequency, np.where(power > 0, power, np.nan), color=color)
            axis.set_title(f"{title}: power (D² per pixel)")
            axis.set_xlabel("Cycles per pixel of the scan")
            axis.minorticks_off()
        return _inline(figure, "Power of picture and grain by frequency, before and after")


def _inline(figure: Figure, label: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    referenced = set(re.findall(r'#([\w-]+)["\)]', svg))
    svg = re.sub(r'\sid="([\w.-]+)"', lambda m: m.group(0) if m.group(1) in referenced else "", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    width, height = (float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())  # type: ignore[union-attr]
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}">'
    return opening + svg[svg.index(">") + 1 :]
