from pathlib import Path

import pytest

from tasks.media import MediaError, OutsideVault, Unreadable
from tasks.media.vault import relative, resolve


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    (tmp_path / "vault" / "r1").mkdir(parents=True)
    (tmp_path / "vault" / "r1" / "0001.dpx").write_bytes(b"film")
    (tmp_path / "secret").write_bytes(b"not film")
    return tmp_path / "vault"


def test_a_path_is_found_under_the_first_root_that_has_it(vault: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert resolve("r1/0001.dpx", [other, vault]).read_bytes() == b"film"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "~/x", "../secret", "r1/../../secret", "http://a/b", "C:/x", "a\0b", "a\nb", ""]
)
def test_a_path_that_is_not_within_the_vault_is_refused(vault: Path, path: str) -> None:
    with pytest.raises(OutsideVault):
        resolve(path, [vault])


@pytest.mark.parametrize("target", ["file", "folder"])
def test_a_link_that_leads_out_of_the_vault_is_refused(vault: Path, tmp_path: Path, target: str) -> None:
    (vault / "link").symlink_to(tmp_path / "secret" if target == "file" else tmp_path)
    with pytest.raises(OutsideVault, match="out of the vault"):
        resolve("link" if target == "file" else "link/secret", [vault])


def test_a_link_that_stays_within_the_vault_is_followed(vault: Path) -> None:
    (vault / "link.dpx").symlink_to(vault / "r1" / "0001.dpx")
    assert resolve("link.dpx", [vault]) == (vault / "r1" / "0001.dpx").resolve()


def test_a_vault_that_is_itself_a_link_is_a_vault(vault: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(vault)
    assert resolve("r1/0001.dpx", [tmp_path / "alias"]).read_bytes() == b"film"


def test_a_link_in_a_circle_is_an_error_and_not_a_hang(vault: Path) -> None:
    (vault / "a").symlink_to(vault / "b")
    (vault / "b").symlink_to(vault / "a")
    with pytest.raises(MediaError):
        resolve("a", [vault])


def test_s3_is_refused_by_name() -> None:
    with pytest.raises(Unreadable, match="S3 vaults are not readable yet"):
        resolve("s3://bucket/r1/%07d.dpx", [])


def test_what_no_root_has_is_said_with_the_roots(vault: Path) -> None:
    with pytest.raises(MediaError, match=r"none of the vault roots: .*vault"):
        resolve("r2/0001.dpx", [vault])


def test_a_vault_path_has_one_spelling() -> None:
    assert relative("./a//b/./c.dpx") == "a/b/c.dpx"
