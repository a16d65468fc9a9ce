"""A local folder that is about to become an artifact: its files, with links and hidden pickles refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.models.artifact import check_file


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` by relative name; ArtifactRefused for a link, an odd name, a kind of file that is not
    allowed, or a NumPy file that needs pickle. An empty folder (TensorFlow makes `assets/`) is nothing.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise ArtifactRefused(f"an artifact is made from a folder, got {folder}", "files")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ArtifactRefused(f"an artifact holds plain files, no links, got {path.relative_to(folder)}", "files")
        if path.is_file():
            name = check_file(path.relative_to(folder).as_posix())
            found[name] = path.read_bytes()
            if name.endswith((".npz", ".npy")):
                _without_pickle(name, found[name])
    return found


def _without_pickle(name: str, data: bytes) -> None:
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        if name.endswith(".npz"):
            for key in loaded.files:
                loaded[key]
    except Exception as error:
        raise ArtifactRefused(f"{name} is not a NumPy file free of pickled objects: {error}", "files") from error
