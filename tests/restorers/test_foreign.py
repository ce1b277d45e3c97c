import hashlib
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from restorers.networks.foreign import Brought, Foreign, _spandrel, opened
from restorers.restorer import Bench, MissingWeights


def compact(scale: int = 2, channels: int = 3) -> torch.nn.Module:
    _spandrel()
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(7)
    return Compact(num_in_ch=channels, num_out_ch=channels, num_feat=8, num_conv=2, upscale=scale).eval()


def esrgan() -> torch.nn.Module:
    _spandrel()
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(7)
    # It folds pictures, and takes multiples of four.
    return ESRGAN(in_nc=12, out_nc=3, num_filters=8, num_blocks=1, scale=4, shuffle_factor=2).eval()


def brought(path: Path) -> Brought:
    return Brought(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), licence="CC0-1.0")


def kept(network: torch.nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(network.state_dict(), path)
    else:
        torch.save({"params_ema": network.state_dict()}, path)
    return path


def loaded(path: Path) -> Foreign:
    return opened(brought(path), path, Bench())


def picture(height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.rand((3, height, width), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["net.safetensors", "net.pth", "net.pt"])
def test_a_brought_network_draws_what_it_drew_where_it_came_from(tmp_path: Path, name: str) -> None:
    network = compact()
    foreign = loaded(kept(network, tmp_path / name))
    assert (foreign.architecture, foreign.scale, foreign.multiple) == ("RealESRGAN Compact", 2, 1)
    with torch.no_grad():
        wanted = network(picture()[None])[0].clamp(0, 1)
    assert torch.equal(foreign.drawn(picture()), wanted)


def test_tiles_show_nothing_of_themselves(tmp_path: Path) -> None:
    foreign = loaded(kept(compact(4), tmp_path / "net.safetensors"))
    whole = foreign.drawn(picture(75, 131))
    assert whole.shape == (3, 300, 524)
    assert float((foreign.drawn(picture(75, 131), tile=32, overlap=4) - whole).abs().max()) < 1e-6


def test_pictures_are_padded_for_networks_that_want_multiples_of_four(tmp_path: Path) -> None:
    foreign = loaded(kept(esrgan(), tmp_path / "net.safetensors"))
    assert (foreign.architecture, foreign.scale, foreign.multiple) == ("ESRGAN", 2, 4)
    whole = foreign.drawn(picture(75, 131))
    assert whole.shape == (3, 150, 262)
    assert float((foreign.drawn(picture(75, 131), tile=62, overlap=28) - whole).abs().max()) < 1e-6


def test_a_network_is_read_once_a_process(tmp_path: Path) -> None:
    path = kept(compact(), tmp_path / "net.safetensors")
    assert loaded(path) is loaded(path)


def test_other_weights_than_those_named_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(b"not weights at all")
    with pytest.raises(MissingWeights) as error:
        opened(brought(path).model_copy(update={"sha256": "ab" * 32}), path, Bench())
    for said in ("net.pth", "ab" * 32, hashlib.sha256(path.read_bytes()).hexdigest()):
        assert said in str(error.value)


def test_missing_weights_are_named_with_where_they_belong(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    with pytest.raises(MissingWeights, match=r"net\.pth is wanted .* put it there"):
        opened(Brought(file="net.pth", sha256="0" * 64, licence="MIT"), path, Bench())


class Touching:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))])
def test_code_in_a_file_of_weights_is_not_run(tmp_path: Path, save) -> None:
    path = tmp_path / "net.pth"
    save({"weight": Touching(tmp_path / "ran")}, path)
    with pytest.raises(MissingWeights, match=r"net\.pth is damaged, or holds something"):
        loaded(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    path = kept(compact(), tmp_path / name)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MissingWeights, match=name):
        loaded(path)


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.ckpt"
    path.write_bytes(b"")
    with pytest.raises(MissingWeights, match=r"net\.ckpt is not \.safetensors, \.pth or \.pt"):
        loaded(path)


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    path = kept(torch.nn.Linear(3, 3), tmp_path / "net.safetensors")
    with pytest.raises(MissingWeights, match=r"net\.safetensors holds weights of an architecture that is none of the"):
        loaded(path)


def test_a_tensor_alone_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(MissingWeights, match=r"net\.pth holds a Tensor"):
        loaded(path)


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    state = compact().state_dict()
    del state["body.2.bias"]
    safetensors.torch.save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(MissingWeights, match="do not fit the architecture they look like"):
        loaded(tmp_path / "net.safetensors")


def test_a_network_for_gray_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="takes a picture of 1 channels and gives one of 1"):
        loaded(kept(compact(channels=1), tmp_path / "net.safetensors"))


def test_weights_are_brought_with_their_licence() -> None:
    with pytest.raises(ValidationError, match="licence"):
        Brought(file="net.pth", sha256="0" * 64, licence="")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a picture is \(3, H, W\)"):
        loaded(kept(compact(), tmp_path / "net.safetensors")).drawn(torch.zeros(1, 3, 8, 8))
