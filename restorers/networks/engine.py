"""How a network is run: by OpenVINO on a processor, by torch on a CUDA device, in the precision asked for and no other.

Nothing is run some other way than asked: what was built is read back, `Engine.ran` says it, and what cannot be had is
an error. The same planes give the same bytes whatever the number of threads.

Errors: RestorationError
        └── MissingBackend(RestorationError), a network cannot be run here as asked
"""

import copy
import logging
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partialmethod
from importlib import import_module
from threading import RLock
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from restorers.networks.signalstack import signal_stack_kept
from restorers.restorer import Bench, RestorationError

Precision = Literal["fp32", "bf16", "int8"]
"""What convolutions compute in: 32 bits; the upper 16 of them; whole numbers of 8 bits, fitted to what they see."""

HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # for what is not quantized
RUNNING = {"fp32": {"f32"}, "bf16": {"bf16"}, "int8": {"i8", "u8"}}
LEAST = Fraction(1, 2)
"""Share of a network's convolutions that must run in the precision asked for."""

EXAMPLE, OTHER = (64, 96), (96, 64)
"""Pixels: what a network is traced with, and what it must then agree on with torch."""

AGREED = 1e-3
"""Largest difference between OpenVINO in fp32 and torch, of the largest value."""


class MissingBackend(RestorationError):
    """A network cannot be run here as asked; says what is missing."""


@dataclass(frozen=True)
class Engine:
    """A network ready to run. Several threads may call it at a time.

    Attributes:
        ran: what runs it and how precisely, as read back from what was built, for people.
        channels: of the planes it takes.
    """

    ran: str
    channels: int
    _run: Callable[[Tensor], Tensor]

    def __call__(self, planes: Tensor) -> Tensor:
        """What the network makes of planes `(N, channels, H, W)`, float32, on the device they are on.

        Raises:
            ValueError: they are not such planes.
        """
        if planes.ndim != 4 or planes.shape[1] != self.channels or planes.dtype != torch.float32:
            said = f"{tuple(planes.shape)} {planes.dtype}"
            raise ValueError(f"an engine takes (N, {self.channels}, H, W) torch.float32, not {said}")
        return self._run(planes)


def engine(
    module: nn.Module, *, bench: Bench, precision: Precision, channels: int, calibration: Sequence[Tensor] | None = None
) -> Engine:
    """A network made ready to run on the bench's device by any of its workers.

    On a CUDA device fp32 stands for the bench's own precision, which may be half.

    Args:
        module: takes planes `(N, channels, H, W)` of any size divisible by 32 at least, gives one tensor; it is copied.
        bench: its device, precision and workers, each of them one thread.
        precision: what to compute in.
        channels: of the planes.
        calibration: for int8, planes `(1, channels, H, W)` as the network will see them: some 16 to 32 pieces.

    Raises:
        MissingBackend: there is nothing here that runs it in this precision.
        ValueError: the calibration is missing, or is not of such planes.
    """
    if precision == "int8" and (
        not calibration or any(planes.ndim != 4 or planes.shape[1] != channels for planes in calibration)
    ):
        raise ValueError(f"int8 is fitted to what a network sees: it wants calibration of (1, {channels}, H, W)")
    match bench.device.type:
        case "cpu":
            return _on_processor(module, bench, precision, channels, calibration or ())
        case "cuda":
            return _on_cuda(module, bench, precision, channels)
        case other:
            raise MissingBackend(f"networks run on cpu and cuda; there is nothing that runs them on {other}")


def exported(module: nn.Module, channels: int) -> bytes:
    """A network as an ONNX model, from `planes` `(1, channels, height, width)` to `drawn`; H and W are free.

    Raises:
        MissingBackend: its height or width cannot be left free, or ONNX has no words for it.
    """
    free = torch.export.Dim.DYNAMIC
    network = _copied(module)
    with _undisturbed(), torch.no_grad():
        try:
            program = torch.onnx.export(
                network,
                (torch.zeros(1, channels, *EXAMPLE),),
                dynamo=True,
                verbose=False,
                input_names=["planes"],
                output_names=["drawn"],
                dynamic_shapes=({2: free, 3: free},),
            )
        except torch.onnx.OnnxExporterError as error:
            raise MissingBackend(f"the network cannot be exported for pictures of any size: {error}") from error
    assert program is not None  # it is where dynamo is
    model = program.model_proto
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]  # where the code that made it lies, line for line
    written = bytes(model.SerializeToString(deterministic=True))
    _check(_core().read_model(written), network, channels)
    return written


def _on_cuda(module: nn.Module, bench: Bench, precision: Precision, channels: int) -> Engine:
    if precision == "int8":
        raise MissingBackend("int8 runs on a processor alone; on a CUDA device there is nothing here that runs it")
    dtype = torch.bfloat16 if precision == "bf16" else bench.dtype
    network = copy.deepcopy(module).eval().requires_grad_(False)
    network = network.to(bench.device, dtype)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def run(planes: Tensor) -> Tensor:
        drawn: Tensor = network(planes.to(bench.device, dtype, memory_format=torch.channels_last))
        return drawn.to(planes.device, torch.float32)

    short = " with tf32 convolutions" if dtype == torch.float32 and torch.backends.cudnn.allow_tf32 else ""
    device = torch.cuda.get_device_name(bench.device)
    return Engine(f"torch {torch.__version__}, {device}, {str(dtype).removeprefix('torch.')}{short}", channels, run)


def _on_processor(
    module: nn.Module, bench: Bench, precision: Precision, channels: int, calibration: Sequence[Tensor]
) -> Engine:
    core = _core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        name = core.get_property("CPU", "FULL_DEVICE_NAME")
        raise MissingBackend(f"bf16 wants a processor that computes in it (AVX512_BF16 or AMX_BF16); {name} does not")
    model = _converted(module, channels)
    if precision == "int8":
        model = _quantized(model, calibration)
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "NUM_STREAMS": bench.workers,
        "INFERENCE_NUM_THREADS": bench.workers,
        "ENABLE_CPU_PINNING": False,  # other processes may be at work on the same cores
    }
    compiled = core.compile_model(model, "CPU", settings)
    ran = f"OpenVINO {_openvino().__version__.partition('-')[0]}, CPU, {_read_back(compiled, precision)}"
    idle: deque[Any] = deque()

    def run(planes: Tensor) -> Tensor:
        try:
            request = idle.pop()
        except IndexError:
            request = compiled.create_infer_request()
        drawn = torch.from_numpy(request.infer([planes.detach().contiguous().numpy()], share_inputs=True)[0])
        idle.append(request)
        return drawn

    return Engine(ran, channels, run)


def _read_back(compiled: Any, precision: Precision) -> str:
    layers = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops()]
    kinds = [
        str(layer["runtimePrecision"].astype(str))
        for layer in layers
        if layer["layerType"].astype(str) in {"Convolution", "Deconvolution"}
    ]
    hint = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    right = sum(kind in RUNNING[precision] for kind in kinds)
    found = f"{precision} ({right} of {len(kinds)} convolutions)"
    if hint != HINTS[precision] or right < LEAST * len(kinds) or (precision == "int8" and not right):
        raise MissingBackend(f"asked for {precision}, OpenVINO made {found}, the rest in {hint}: {kinds}")
    return found


def _converted(module: nn.Module, channels: int) -> Any:
    network = _copied(module)
    with _undisturbed(), torch.no_grad():
        example = torch.zeros(1, channels, *EXAMPLE)
        model = _openvino().convert_model(network, example_input=example, input=[-1, channels, -1, -1])
    _check(model, network, channels)
    return model


def _copied(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).cpu().float().eval().requires_grad_(False)


def _check(model: Any, network: nn.Module, channels: int) -> None:
    """Refuse a model that does otherwise than its network, at another size than it was traced with."""
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    shown = torch.randn((1, channels, *OTHER), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(shown)
    found = torch.from_numpy(_core().compile_model(model, "CPU", exact)([shown.numpy()])[0])
    if found.shape != wanted.shape or not (found - wanted).abs().max() <= AGREED * wanted.abs().max():
        raise MissingBackend(
            f"traced with a picture of {EXAMPLE[0]} x {EXAMPLE[1]}, the network does otherwise than torch with one of "
            f"{OTHER[0]} x {OTHER[1]}: what it computes hangs on the picture's size"
        )


def _quantized(model: Any, calibration: Sequence[Tensor]) -> Any:
    nncf = _nncf()
    shown = [planes.detach().cpu().float().contiguous().numpy() for planes in calibration]
    # Activations may be lopsided ("mixed"): after convolutions without ReLU most are, and symmetric ranges waste half.
    preset = nncf.QuantizationPreset.MIXED
    with _undisturbed():
        return nncf.quantize(model, nncf.Dataset(shown), preset=preset, subset_size=len(shown))


@cache
def _openvino() -> Any:
    # The converter reports each use to its makers unless it finds no package to do so with.
    with _undisturbed(), _without("openvino_telemetry"):
        openvino = _required("openvino")
        import_module("openvino.tools.ovc")
        return openvino


def _core() -> Any:
    """A core of OpenVINO with its plugin loaded; one for each model, as models that shared one made it crash."""
    with signal_stack_kept():
        core = _openvino().Core()
        core.get_property("CPU", "FULL_DEVICE_NAME")
        return core


@cache
def _nncf() -> Any:
    with _undisturbed(), _without("openvino_telemetry"):
        nncf = _required("nncf")
        nncf.set_log_level(logging.ERROR)
        bar = import_module("nncf.common.logging.track_progress").track
        bar.__init__ = partialmethod(bar.__init__, disable=True)
        return nncf


def _required(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingBackend(f"running networks on a processor wants the package {error.name}: install it") from error


@contextmanager
def _without(package: str) -> Iterator[None]:
    modules = cast("dict[str, object]", sys.modules)
    before = modules.get(package)
    modules[package] = None
    try:
        yield
    finally:
        del modules[package]
        if before is not None:
            modules[package] = before


_building = RLock()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Warnings, loggers and signals as they were: these libraries trace by ways torch gives up, and set the rest."""
    with _building, signal_stack_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = logging.getLogger()
        kind, level, filters, handlers = logging.getLoggerClass(), root.level, root.filters[:], root.handlers[:]
        try:
            yield
        finally:
            logging.setLoggerClass(kind)
            root.setLevel(level)
            root.filters[:], root.handlers[:] = filters, handlers
