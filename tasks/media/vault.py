"""Paths of a manifest, found under the vault roots of a lab and never outside them."""

from collections.abc import Sequence
from pathlib import Path

from tasks.media import MediaError, OutsideVault, Unreadable


def resolve(path: str, roots: Sequence[Path]) -> Path:
    """The existing file or folder that a vault path names, with every link followed.

    Args:
        path: relative to a vault root, with forward slashes.
        roots: folders that scans lie under; the first one that has the path is taken.

    Raises:
        OutsideVault: the path is absolute, has '..' or control characters, or a link in it leads out of its root.
        Unreadable: the path is an s3:// URL.
        MediaError: no root has it.
    """
    _refuse_remote(path)
    if not path or any(ord(c) < 32 or ord(c) == 127 for c in path):
        raise OutsideVault(f"{path!r} is empty or holds control characters")
    if "://" in path or path.startswith(("/", "~", "\\")) or path[1:2] == ":":
        raise OutsideVault(f"{path!r} is not relative to a vault root")
    if ".." in path.replace("\\", "/").split("/"):
        raise OutsideVault(f"{path!r} leaves the vault: '..' is not allowed")
    for root in roots:
        try:
            found = (root / path).resolve(strict=True)
        except FileNotFoundError:
            continue
        except (OSError, RuntimeError) as error:
            raise MediaError(f"{path!r} under {root} cannot be opened: {error}") from error
        if not found.is_relative_to(root.resolve()):
            raise OutsideVault(f"{path!r} under {root} leads out of the vault, to {found}")
        return found
    raise MediaError(f"{path!r} is under none of the vault roots: {', '.join(map(str, roots)) or '(none given)'}")


def relative(path: str) -> str:
    """A vault path in its one spelling: no empty or '.' parts.

    Raises:
        Unreadable: the path is an s3:// URL.
    """
    _refuse_remote(path)
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _refuse_remote(path: str) -> None:
    if path.startswith("s3://"):
        raise Unreadable(f"{path}: S3 vaults are not readable yet; bring the scan under a local vault root")
