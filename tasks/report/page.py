"""The report of a reel as one HTML file that needs nothing else: no network, no other files, no script but its own."""

import base64
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from restorers.restorer import Restorer
from restorers.synthesis import MODELS, WORDS, Tally
from tasks.report.charts import frame_labels
from tasks.report.content import BlemishRow, ReportContent, ShotSheet
from tasks.report.overview import over_time
from tasks.report.painting import COLORS
from tasks.report.pictures import room, uri
from tasks.report.plots import by_frequency
from tasks.report.summary import comparisons, gist, weighted

UNFOLDED = 12  # shots; of a reel that has more, each is folded
DELIVERIES = {
    "ffv1": "Restored master",
    "origin": "Synthesis map of the master",
    "sdr-origin": "Synthesis map of the Rec.709 copy",
    "hdr10-origin": "Synthesis map of the HDR10 copy",
    "sdr": "Access copy, Rec.709",
    "hdr10": "Access copy, HDR10",
}


@dataclass(frozen=True)
class Setting:
    """One setting of a treatment: its value, and what its field says about it."""

    name: str
    value: str
    prescribed: bool
    description: str


def report_page(content: ReportContent) -> str:
    """A reel's report as one self-contained HTML page.

    Raises:
        ValueError: there are no shots.
    """
    if not content.shots:
        raise ValueError(f"reel {content.reel.id} has no shots to report on")
    folder = Path(__file__).parent
    script = (folder / "page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=_figure, percent=_percent, size=_size, uri=uri, count=_count, duration=_duration)
    frequency = by_frequency(content.shots)
    tally = Tally.total(shot.origins for shot in content.shots)
    return environment.get_template("page.html").render(
        content=content,
        reel=content.reel,
        scan=content.scan,
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),  # our own file
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        comparisons=comparisons(content.shots),
        shot_comparisons=lambda shot: comparisons((shot,)),
        frame_labels=lambda shot: frame_labels(shot.first, shot.last - shot.first + 1),
        gist=lambda shot: gist(comparisons((shot,))),
        room=room(len(content.shots)),
        folded=len(content.shots) > UNFOLDED,
        nearness=_nearness(content.shots),
        tally=tally,
        proof=content.reel.profile.proof(tally),
        origins={origin.name.lower(): words for origin, words in WORDS.items()},
        model_names=MODELS,
        painted={origin.name.lower(): f"rgb({r} {g} {b})" for origin, (r, g, b) in COLORS.items()},
        delivery_names=DELIVERIES,
        treatments=[(sheet, _about(sheet.restorer), settings(sheet.restorer)) for sheet in content.treatments],
        blemish_lists=_blemish_lists(content),
        over_time=over_time(content.shots),
        by_frequency=Markup(frequency) if frequency else None,  # numbers and our own words
        running=_duration(float(content.frames / content.scan.fps)),
    )


def settings(restorer: Restorer) -> tuple[Setting, ...]:
    """Every setting of a treatment, in the order of its fields, those left at their default too."""
    values = restorer.model_dump(mode="json")
    return tuple(
        Setting(
            name=name,
            value=_plain(values[name]),
            prescribed=name in restorer.model_fields_set and getattr(restorer, name) != field.get_default(),
            description=field.description or "",
        )
        for name, field in type(restorer).model_fields.items()
        if name != "kind"
    )


def _blemish_lists(content: ReportContent) -> tuple[tuple[str, tuple[BlemishRow, ...], int], ...]:
    """The lists of the page: title, rows, and how many there are in all."""
    left = sum(tally.count for tally in content.tallies if tally.action == "left")
    return (
        ("Left as found", content.left, left),
        ("Mended, the least certain first", content.blemishes, content.blemish_count - left),
    )


@dataclass(frozen=True)
class _Near:
    name: str
    explained: str
    value: str


def _nearness(shots: tuple[ShotSheet, ...]) -> tuple[_Near, ...]:
    ssim = weighted(shots, lambda s: s.measures.ssim)
    psnr = weighted(shots, lambda s: s.measures.psnr)
    color = weighted(shots, lambda s: s.measures.color_difference)
    vmaf = weighted(shots, lambda s: s.quality.vmaf.mean if s.quality.vmaf else None)
    lpips = weighted(shots, lambda s: s.quality.lpips)
    quality = shots[0].quality
    enlarged = "not measured: the sizes differ"
    return (
        _Near("SSIM", "of luma, 1 is equal", enlarged if ssim is None else _figure(ssim, 4)),
        _Near("PSNR", "in Rec.709", f"{_figure(psnr)} dB" if psnr else enlarged if ssim is None else "equal"),
        _Near("Color", "mean CIEDE2000, 1 can just be seen", enlarged if color is None else _figure(color)),
        _Near("VMAF", "0 to 100, equal pictures 97 to 100", quality.vmaf_absent if vmaf is None else _figure(vmaf, 1)),
        _Near("LPIPS", "0 is equal", quality.lpips_absent if lpips is None else _figure(lpips, 4)),
    )


def _about(restorer: Restorer) -> str:
    return (type(restorer).__doc__ or "").strip().split("\n")[0]


def _plain(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(_plain(item) for item in value) or "none"
        case dict():
            return "; ".join(f"{name} {_plain(item)}" for name, item in value.items()) or "none"
        case _:
            return str(value)


def _figure(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "\N{EN DASH}"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _count(value: int) -> str:
    return _figure(value, 0)


def _percent(share: float) -> str:
    if 0 < share < 0.00005:
        return "< 0.01 %"
    return f"{100 * share:.2f} %"


def _size(size: int) -> str:
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.2f} {units[0]}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{float(seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
