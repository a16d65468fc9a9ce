"""Arrays in a file of an artifact: NumPy's npz without pickles, with a schema number, refused when anything is off."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import ArtifactRefused

Arrays = Mapping[str, npt.NDArray[np.int64] | npt.NDArray[np.float64]]


def to_npz(schema: int, arrays: Arrays) -> bytes:
    """A compressed file of these arrays."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, schema=np.array(schema), **arrays)
    return out.getvalue()


def from_npz(name: str, data: bytes, schema: int, wanted: Iterable[str]) -> dict[str, npt.NDArray[np.generic]]:
    """The wanted arrays of a file; ArtifactRefused when it is damaged or of another schema."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if int(file["schema"]) != schema:
                raise ArtifactRefused(f"{name} must have schema {schema}, got {int(file['schema'])}")
            return {key: np.asarray(file[key]) for key in wanted}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ArtifactRefused(f"{name} cannot be read: {error}, got {len(data)} bytes") from error
