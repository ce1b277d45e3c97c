"""Examining shots: a restorer looks at them as they are so far, and its remedy is laid on top."""

from collections.abc import Sequence

from prefect import runtime

from restorers.networks.weights import card
from restorers.restorer import Editable, Remedy, Restorer, Scope, WrongEdit
from tasks.checkpoint import Done, Piece, Recipe, checkpointed, lab_task, state
from tasks.footage import at_rest, footage, maps, remedy
from tasks.lab import Lab
from tasks.progress import tell
from tasks.shot import Layer, Shot, key
from tasks.weight import weight


def _run_name() -> str:
    given = runtime.task_run.parameters
    shots, restorer = given["shots"], given["restorer"]
    return f"{restorer.kind} {shots[0].reel} " + (f"shot {shots[0].index}" if len(shots) == 1 else "whole reel")


@lab_task("examine", _run_name)
def examine(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> Layer:
    """One layer for one shot, or for all shots of a reel: `Layer`."""
    layer, done = examined(shots, restorer, lab)
    return state(layer, done)


def groups(shots: Sequence[Shot], restorer: Restorer) -> list[tuple[Shot, ...]]:
    """The shots as the restorer wants to see them: each by itself, or the reel as a whole."""
    return [tuple(shots)] if restorer.scope is Scope.REEL else [(shot,) for shot in shots]


def laid(shots: Sequence[Shot], layers: Sequence[Layer]) -> tuple[Shot, ...]:
    """The shots with one more layer each: their own, or the one found for the whole reel."""
    each = layers if len(layers) == len(shots) else [layers[0]] * len(shots)
    return tuple(shot.with_layer(layer) for shot, layer in zip(shots, each, strict=True))


def examined(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> tuple[Layer, Done]:
    """The layer that a restorer prescribes for the shots, and whether it had to be worked out.

    Raises:
        WrongEdit: a person's edit names what these shots have not.
    """
    recipes = prescribed(shots, restorer, lab)
    layer, done = _found(shots, restorer, recipes["examine"], lab)
    if "edit" in recipes:
        layer, edited = _edited(layer, shots, restorer, recipes["edit"], lab)
        done = Done(edited.records, done.made | edited.made)
    said = f"{remedy(layer, lab).summary()}; {weight((layer,), shots, lab)}"
    return layer.model_copy(update={"summary": said}), done


def prescribed(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> dict[str, Recipe]:
    """What has to be done for a layer, by stage, in the order of work; the last recipe is the layer's.

    What a person edits in it asks for no new examination, and edits of other shots ask for nothing.
    """
    recipes: dict[str, Recipe] = {"examine": examination(shots, restorer, lab)}
    if isinstance(restorer, Editable):
        here = restorer.concerning(shots[0].first, shots[-1].stop)
        edits = here.model_dump(mode="json", include=set(here.edits), exclude_defaults=True)
        if edits:
            recipes["edit"] = {"stage": "edit", "examination": key(recipes["examine"]), "edits": edits}
    return recipes


def check_edits(shots: Sequence[Shot], treatments: Sequence[Restorer]) -> None:
    """Refuse edits of frames that the reel has not, before any work.

    Raises:
        WrongEdit: there are some.
    """
    spans = [range(shot.first, shot.stop) for shot in shots]
    for treatment in treatments:
        if isinstance(treatment, Editable):
            try:
                treatment.check(spans)
            except WrongEdit as error:
                raise WrongEdit(f"{shots[0].reel}: {error}") from error


def examination(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> dict[str, object]:
    """The recipe of an examination: what it looks at, with which settings and weights, which revision, what device.

    What a person edits in its findings is no part of it.
    """
    edits = set(restorer.edits) if isinstance(restorer, Editable) else set()
    weights = {name: card(name, lab.bench).sha256 for name in restorer.networks}
    seen = map_digests(shots, lab) if restorer.maps else {}
    return {
        "stage": "examine",
        "kind": restorer.kind,
        "revision": restorer.revision,
        "settings": restorer.model_dump(mode="json", exclude=edits),
        "shots": [shot.recipe() for shot in shots],
        "device": lab.device.split(":")[0],
        "seed": lab.seed,
        **({"weights": weights} if weights else {}),
        **({"maps": seen} if seen else {}),
    }


def map_digests(shots: tuple[Shot, ...], lab: Lab) -> dict[str, list[str]]:
    """The identity of the maps that come with each shot, by kind; of those that come with any of them."""
    lists = maps(shots[0].scan, lab).items()
    digests: dict[str, list[str]] = {w: [each.digest(s.first, s.stop) for s in shots] for w, each in lists}
    return {what: each for what, each in digests.items() if any(each)}


def _found(shots: tuple[Shot, ...], restorer: Restorer, recipe: Recipe, lab: Lab) -> tuple[Layer, Done]:
    piece = _piece("examine", shots, restorer)

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        tell(restorer.kind, _subject(shots), 0, piece.frames)
        found = restorer.examine(footage(shots, lab, space=restorer.space), lab.bench)
        tell(restorer.kind, _subject(shots), piece.frames, piece.frames)
        return {"layer": at_rest(found)}

    return _layer(restorer, recipe, checkpointed(lab, piece, {"layer": recipe}, make))


def _edited(layer: Layer, shots: tuple[Shot, ...], restorer: Restorer, recipe: Recipe, lab: Lab) -> tuple[Layer, Done]:
    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        return {"layer": at_rest(with_edits(layer, shots, restorer, lab))}

    return _layer(restorer, recipe, checkpointed(lab, _piece("edit", shots, restorer), {"layer": recipe}, make))


def with_edits(layer: Layer, shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> Remedy:
    """What an examination found, as a person edited it.

    Raises:
        WrongEdit: an edit reaches beyond the frame.
    """
    found = remedy(layer, lab)
    if not isinstance(restorer, Editable):
        return found
    try:
        return restorer.concerning(shots[0].first, shots[-1].stop).edited(found)
    except WrongEdit as error:
        raise WrongEdit(f"{_subject(shots)}: {error}") from error


def _layer(restorer: Restorer, recipe: Recipe, done: Done) -> tuple[Layer, Done]:
    return Layer(kind=restorer.kind, key=key(recipe), outputs=done.records["layer"].outputs), done


def _piece(stage: str, shots: tuple[Shot, ...], restorer: Restorer) -> Piece:
    scan = shots[0].scan
    return Piece(
        stage,
        shots[0].reel,
        treatment=restorer.kind,
        shot=shots[0].index if len(shots) == 1 else None,
        frames=sum(shot.stop - shot.first for shot in shots),
        size=(scan.height, scan.width),
    )


def _subject(shots: tuple[Shot, ...]) -> str:
    return shots[0].name if len(shots) == 1 else f"{shots[0].reel} whole reel"
