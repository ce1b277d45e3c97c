"""Opening shots that are at rest: their scan from the vault, their remedies from the store."""

from dataclasses import dataclass
from functools import lru_cache

from safetensors.numpy import load_file, save

from restorers import RESTORERS
from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.render import Footage, Source, Span
from restorers.restorer import Remedy
from tasks.lab import Lab, tidy
from tasks.media.decode import opened_source
from tasks.media.index import ScanIndex
from tasks.media.maps import MapIndex, MapSource, What
from tasks.shot import Layer, ScanFacts, Shot
from tasks.store import Artifact


def footage(shots: tuple[Shot, ...], lab: Lab, *, space: Space = Space.DENSITY) -> Footage:
    """One shot, or all shots of a reel, with their layers on them.

    Raises:
        KeyError, Corrupt: an artifact is not in the store, or not sound.
    """
    spans = tuple(Span(shot.first, shot.stop, tuple(remedy(layer, lab) for layer in shot.layers)) for shot in shots)
    scan = shots[0].scan
    beside = {what: MapSource(each, lab.vaults) for what, each in maps(scan, lab).items()}
    return Footage(source(scan, lab), spans, space, lab.bench, **beside)


def maps(scan: ScanFacts, lab: Lab) -> dict[What, MapIndex]:
    """The lists of the maps that come with a scan, by kind."""
    artifacts: dict[What, Artifact | None] = {"infrared": scan.infrared, "masks": scan.masks}
    return {what: map_list(each, lab) for what, each in artifacts.items() if each is not None}


def map_list(artifact: Artifact, lab: Lab) -> MapIndex:
    """A list of maps."""
    return _charted(lab.store.path(artifact).read_bytes())


def source(scan: ScanFacts, lab: Lab) -> Source:
    """The scan itself, opened read-only; every frame's digest is checked when it is read."""
    return _Tidy(opened_source(index(scan.index, lab), scan.space, lab.vaults, workers=lab.workers))


def index(artifact: Artifact, lab: Lab) -> ScanIndex:
    """A scan's frame list."""
    return _parsed(lab.store.path(artifact).read_bytes())


def remedy(layer: Layer, lab: Lab) -> Remedy:
    """A layer's remedy, read from the store."""
    kind = RESTORERS[layer.kind].remedy
    text = lab.store.path(layer.outputs["remedy"]).read_text(encoding="utf-8")
    blobs = layer.outputs.get("blobs")
    return kind.loaded(text, load_file(lab.store.path(blobs)) if blobs else {})


def at_rest(found: Remedy) -> dict[str, bytes]:
    """A remedy as the files that are stored of it: JSON, and its arrays as safetensors where it has any."""
    text, blobs = found.dumped()
    files = {"remedy": text.encode()}
    return files | {"blobs": save(blobs)} if blobs else files


@dataclass(frozen=True)
class _Tidy:
    """A source that gives back what the window before left behind when the next one is read."""

    source: Source

    @property
    def space(self) -> Space:
        return self.source.space

    @property
    def white(self) -> float:
        return self.source.white

    def read(self, first: int, stop: int) -> Clip:
        tidy()
        return self.source.read(first, stop)


@lru_cache(maxsize=4)
def _charted(text: bytes) -> MapIndex:
    return MapIndex.model_validate_json(text)


@lru_cache(maxsize=4)
def _parsed(text: bytes) -> ScanIndex:
    return ScanIndex.loaded(text)
