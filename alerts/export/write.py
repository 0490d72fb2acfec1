"""Exported files into a folder: each whole or not at all, and none in the place of somebody else's."""

from collections.abc import Mapping
from pathlib import Path

from alerts.export.formats import MARK
from foundation.errors import ConfigError, StoreError, in_words
from foundation.output import replacing

_FIRST_BYTES = 200  # the first line of a file of ours is shorter


def write(folder: Path, texts: Mapping[str, str], *, force: bool) -> list[Path]:
    """Write `texts` (by file name) into `folder`, which is made; what is left there of earlier exports comes back.

    Args:
        folder: where the files are to be.
        texts: what they are to hold.
        force: whether files that no export wrote are replaced, too.

    Raises:
        ConfigError: something else is in the place of a file or of the folder; nothing has been written.
        StoreError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mine = {path.name for path in folder.iterdir() if _is_ours(path)}
        foreign = [folder / name for name in texts if name not in mine and _is_there(folder / name)]
    except (FileExistsError, NotADirectoryError) as exc:
        raise ConfigError(f"--output {folder}: is not a folder; name one, or a path where one can be made") from exc
    except OSError as exc:
        raise StoreError(f"{folder}: {in_words(exc)}") from exc
    for path in foreign:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; choose another --output")
        if not force:
            raise ConfigError(
                f"{path}: was not written by an export; choose another --output, or replace it by --force"
            )
    for name, text in texts.items():
        with replacing(folder / name, own_name=True) as stream:
            stream.write(text.encode())
    return [folder / name for name in sorted(mine - texts.keys())]


def _is_ours(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as stream:
        return MARK.encode() in stream.read(_FIRST_BYTES)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()
