"""torchvision, imported beside any build of torch: others read their models' definitions from it, nothing more."""

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

_schemas: list[object] = []  # a schema lives as long as what defined it


@cache
def provide_torchvision() -> None:
    """Make `import torchvision` work where it can.

    Wheels built for CUDA cannot load their compiled operators beside a CPU build of torch, and then fail at import
    because two of those operators are unknown. Naming the two is enough for model definitions; calling one still fails.

    Raises:
        ImportError: it is not installed.
        RuntimeError: it cannot be imported for another reason.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        definitions = cast("Callable[[str, str], Any]", torch.library.Library)("torchvision", "DEF")
        definitions.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        definitions.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _schemas.append(definitions)
        importlib.import_module("torchvision")
