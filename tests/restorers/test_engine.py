import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from restorers.networks import engine as engines
from restorers.networks.engine import Engine, MissingBackend, Precision, engine, exported
from restorers.networks.tiles import tiled
from restorers.restorer import Bench

CHANNELS = 6
REACH = 6  # of Net, in pixels


class Net(nn.Module):
    """Six convolutions, one residual, drawn twice as large."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.begin = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.end = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        features = first = torch.relu(self.begin(planes))
        for layer in self.body:
            features = torch.relu(layer(features))
        return nn.functional.pixel_shuffle(self.end(features + first), 2)


def shown(height: int = 64, width: int = 80, *, count: int = 1, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand((count, CHANNELS, 8, 8), generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")


CALIBRATION = [shown(seed=seed) for seed in range(1, 9)]


def made(precision: Precision = "fp32", *, module: nn.Module | None = None, workers: int = 1) -> Engine:
    calibration = CALIBRATION if precision == "int8" else None
    bench = Bench(workers=workers)
    return engine(module or Net(), bench=bench, precision=precision, channels=CHANNELS, calibration=calibration)


def has_bf16() -> bool:
    return "BF16" in engines._openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def precisions() -> list[Precision]:
    return ["fp32", "int8", *(["bf16"] if has_bf16() else [])]


def decibels(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return 10 * float(torch.log10(wanted.var() / (found - wanted).square().mean()))


def test_fp32_gives_what_torch_gives() -> None:
    network = Net()
    run = made(module=network)
    for planes in (shown(), shown(31, 57, count=2)):
        with torch.no_grad():
            torch.testing.assert_close(run(planes), network(planes), rtol=1e-5, atol=1e-5)


def test_fp32_runs_as_fp32_on_processors_that_would_rather_not() -> None:
    assert made().ran.endswith("CPU, fp32 (6 of 6 convolutions)")
    assert made().ran.startswith("OpenVINO 20")


def test_int8_runs_as_int8() -> None:
    assert made("int8").ran.endswith("CPU, int8 (6 of 6 convolutions)")


def test_int8_is_near_fp32() -> None:
    assert decibels(made("int8")(shown()), made()(shown())) > 30


def test_bf16_runs_as_bf16_or_not_at_all() -> None:
    if has_bf16():
        run = made("bf16")
        assert run.ran.endswith("CPU, bf16 (6 of 6 convolutions)")
        assert decibels(run(shown()), made()(shown())) > 35
    else:
        with pytest.raises(MissingBackend, match="bf16 wants a processor that computes in it"):
            made("bf16")


def test_int8_of_a_network_with_nothing_to_quantize_is_refused() -> None:
    with pytest.raises(MissingBackend, match="asked for int8, OpenVINO made int8"):
        made("int8", module=nn.ReLU())


def test_int8_without_calibration_is_refused() -> None:
    with pytest.raises(ValueError, match="int8 is fitted to what a network sees"):
        engine(Net(), bench=Bench(), precision="int8", channels=CHANNELS)


def test_int8_on_a_cuda_device_is_refused() -> None:
    with pytest.raises(MissingBackend, match="int8 runs on a processor alone"):
        engine(
            Net(),
            bench=Bench(device=torch.device("cuda")),
            precision="int8",
            channels=CHANNELS,
            calibration=CALIBRATION,
        )


def test_other_devices_are_refused() -> None:
    with pytest.raises(MissingBackend, match="nothing that runs them on meta"):
        engine(Net(), bench=Bench(device=torch.device("meta")), precision="fp32", channels=CHANNELS)


class Frozen(nn.Module):
    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        return planes + 1 if planes.shape[2] > planes.shape[3] else planes


def test_a_network_that_was_traced_for_one_size_alone_is_refused() -> None:
    with pytest.raises(MissingBackend, match="hangs on the picture's size"):
        made(module=Frozen())


def test_other_planes_than_the_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"takes \(N, 6, H, W\) torch.float32"):
        made()(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="float64"):
        made()(shown().double())


@pytest.mark.parametrize("precision", ["fp32", "int8", "bf16"])
def test_any_number_of_workers_gives_the_same_bytes(precision: Precision) -> None:
    if precision not in precisions():
        pytest.skip("this processor does not compute in it")
    frames = [shown(48 + 16 * (seed % 2), 80, seed=seed) for seed in range(12)]
    alone = list(map(made(precision), frames))
    for workers in (2, 3):
        together = Bench(workers=workers).map(made(precision, workers=workers), frames)
        assert all(map(torch.equal, alone, together))


def test_the_module_may_change_without_its_engine() -> None:
    network = Net()
    run = made(module=network)
    before = run(shown())
    with torch.no_grad():
        network.begin.weight.zero_()
    assert torch.equal(run(shown()), before)


def test_a_result_outlives_the_next_one() -> None:
    run = made()
    first = run(shown())
    kept = first.clone()
    run(shown(seed=5))
    assert torch.equal(first, kept)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("size", [(96, 128), (33, 100), (101, 67)])
def test_tiles_give_the_bytes_of_the_whole(precision: Precision, size: tuple[int, int]) -> None:
    run, planes = made(precision, workers=2), shown(*size)
    whole = run(planes)
    assert whole.shape == (1, 3, 2 * size[0], 2 * size[1])
    assert torch.equal(tiled(run, planes, tile=40, overlap=REACH, bench=Bench(workers=2)), whole)
    assert torch.equal(tiled(run, planes, tile=31, overlap=REACH), whole)


def test_tiles_in_bf16_differ_from_the_whole_by_its_rounding_at_most() -> None:
    if not has_bf16():
        pytest.skip("this processor does not compute in it")
    run, planes = made("bf16"), shown(33, 100)
    whole = run(planes)
    assert float((tiled(run, planes, tile=40, overlap=REACH) - whole).abs().max()) <= 2**-8 * float(whole.abs().max())


def test_tiles_are_of_one_size_and_no_larger_than_so_many_need_be() -> None:
    sizes = []

    def run(planes: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(planes.shape[-2:]))
        return planes

    assert torch.equal(tiled(run, shown(540, 960), tile=256, overlap=12), shown(540, 960))
    assert sizes == [(196, 212)] * 15


def test_an_overlap_short_of_the_reach_shows() -> None:
    run, planes = made(), shown(96, 128)
    assert not torch.equal(tiled(run, planes, tile=40, overlap=REACH - 2), run(planes))


def test_tiles_begin_where_a_folding_network_begins() -> None:
    network = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(16 * CHANNELS, 5, 3, padding=1))
    run, planes = made(module=network), shown(96, 128)
    assert torch.equal(tiled(run, planes, tile=32, overlap=4, multiple=4), run(planes))
    with pytest.raises(ValueError, match="multiples of more than 2"):
        tiled(run, planes, tile=32, overlap=4, multiple=2)


def test_tiles_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        tiled(made(), shown(30, 64), tile=32, overlap=4, multiple=4)
    with pytest.raises(ValueError, match="nothing but their overlap"):
        tiled(made(), shown(), tile=12, overlap=6)


def test_an_exported_network_reads_back_as_the_same_at_any_size(tmp_path: Path) -> None:
    network = Net()
    (tmp_path / "net.onnx").write_bytes(exported(network, CHANNELS))
    ov = engines._openvino()
    read = ov.Core().compile_model(tmp_path / "net.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in ((64, 80), (31, 57)):
        with torch.no_grad():
            wanted = network(shown(*size)).numpy()
        np.testing.assert_allclose(read([shown(*size).numpy()])[0], wanted, rtol=1e-5, atol=1e-5)


def test_an_export_is_the_same_each_time_and_says_nothing_of_the_machine() -> None:
    model = exported(Net(), CHANNELS)
    assert model == exported(Net(), CHANNELS)
    assert b".py" not in model
    assert str(Path(torch.__file__).parent).encode() not in model


def test_a_network_for_one_size_alone_is_not_exported() -> None:
    with pytest.raises(MissingBackend, match="hangs on the picture's size"):
        exported(Frozen(), CHANNELS)


QUIET = """
import logging, os, socket, sys
sys.path.insert(0, sys.argv[1])
state = logging.getLoggerClass(), logging.getLogger().level, logging.getLogger().handlers[:]

def refused(*_):
    raise AssertionError("a connection was made")

socket.socket.connect = socket.getaddrinfo = refused
from tests.restorers.test_engine import made
del sys.modules["pytest"]  # beside which NNCF tells nobody anyway
made("int8")
assert state == (logging.getLoggerClass(), logging.getLogger().level, logging.getLogger().handlers)
assert "openvino_telemetry" not in sys.modules
assert os.listdir(os.environ["HOME"]) == []
"""


SIGNALED = """
import faulthandler, gc, signal, sys
sys.path.insert(0, sys.argv[1])
faulthandler.enable()  # with a stack for signals of its own, as Prefect, pytest and worried people have
from tests.restorers.test_engine import made
engines = [made(precision) for precision in ("fp32", "int8", "fp32", "int8")]
while engines:
    del engines[0]
    gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
signal.raise_signal(signal.SIGTERM)
"""


def test_signals_are_heard_after_engines_are_gone() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SIGNALED, str(root)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


def test_nothing_is_printed_and_nobody_is_told(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "error", "-W", "ignore:.*related API features are not available.*", "-c", QUIET]
    done = subprocess.run(
        [*command, str(root)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_cuda_device_gives_nearly_what_the_processor_gives(dtype: torch.dtype) -> None:
    bench = Bench(device=torch.device("cuda"), dtype=dtype)
    run = engine(Net(), bench=bench, precision="fp32", channels=CHANNELS)
    assert str(dtype).removeprefix("torch.") in run.ran
    assert decibels(run(shown()), made()(shown())) > 50
