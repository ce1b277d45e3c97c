"""Examining shots: a restorer looks at them as they are so far, and its remedy is laid on top."""

from collections.abc import Sequence

from prefect import runtime

from restorers.networks.weights import card
from restorers.restorer import Restorer, Scope
from tasks.checkpoint import Done, Piece, checkpointed, lab_task, state
from tasks.footage import at_rest, footage, remedy
from tasks.lab import Lab
from tasks.progress import tell
from tasks.shot import Layer, Shot, key


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
    """The layer that a restorer prescribes for the shots, and whether it had to be worked out."""
    subject = shots[0].name if len(shots) == 1 else f"{shots[0].reel} whole reel"
    frames = sum(shot.stop - shot.first for shot in shots)
    scan = shots[0].scan
    piece = Piece(
        "examine",
        shots[0].reel,
        treatment=restorer.kind,
        shot=shots[0].index if len(shots) == 1 else None,
        frames=frames,
        size=(scan.height, scan.width),
    )

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        tell(restorer.kind, subject, 0, frames)
        found = restorer.examine(footage(shots, lab, space=restorer.space), lab.bench)
        tell(restorer.kind, subject, frames, frames)
        return {"layer": at_rest(found)}

    recipe = examination(shots, restorer, lab)
    done = checkpointed(lab, piece, {"layer": recipe}, make)
    layer = Layer(kind=restorer.kind, key=key(recipe), outputs=done.records["layer"].outputs)
    return layer.model_copy(update={"summary": remedy(layer, lab).summary()}), done


def examination(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> dict[str, object]:
    """The recipe of an examination: what it looks at, with which settings and weights, which revision, what device."""
    weights = {name: card(name, lab.bench).sha256 for name in restorer.networks}
    return {
        "stage": "examine",
        "kind": restorer.kind,
        "revision": restorer.revision,
        "settings": restorer.model_dump(mode="json"),
        "shots": [shot.recipe() for shot in shots],
        "device": lab.device.split(":")[0],
        "seed": lab.seed,
        **({"weights": weights} if weights else {}),
    }
