"""What every store of artifacts does with its pointers: signed releases, labels and refusals, read verified, never older."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.models.artifact import check_model
from wayfare.domain.models.signed import PointerKind, Pointers, Refusal, Signer, Trusted, parse_object, read_pointers
from wayfare.domain.times import DAY_MS, format_rfc3339


class SignedPointers(ABC):
    """The pointers' half of `wayfare.domain.models.artifact.Artifacts`; a store says how a small file is read and replaced.

    An instance remembers the highest serial that it has read of each pointer file and refuses an older one.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._seen: dict[tuple[PointerKind, str], int] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def _read_file(self, name: str) -> bytes | None:
        """The bytes of `<model>/<kind>.json`, or None when there is no such file in a store that is there."""

    @abstractmethod
    def _replace_file(self, name: str, data: bytes) -> None:
        """Write the file so that no reader ever sees a part of it."""

    def releases(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is wished for: label -> version."""
        return dict(self._read("releases", model, trusted).versions)

    def labels(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is verified and served: label -> version."""
        return dict(self._read("labels", model, trusted).versions)

    def refusals(self, model: str, trusted: Trusted) -> dict[str, Refusal]:
        """What is wished for and was refused, by label."""
        return self._read("refusals", model, trusted).refused()

    def write_releases(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the wish."""
        self._write("releases", model, versions, {}, signer)

    def write_labels(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the fact."""
        self._write("labels", model, versions, {}, signer)

    def write_refusals(self, model: str, refused: Mapping[str, Refusal], signer: Signer) -> None:
        """Replace the list of refusals."""
        versions = {label: refusal.version for label, refusal in refused.items()}
        reasons = {label: f"{refusal.fingerprint} {refusal.why}" for label, refusal in refused.items()}
        self._write("refusals", model, versions, reasons, signer)

    def _read(self, kind: PointerKind, model: str, trusted: Trusted) -> Pointers:
        data = self._read_file(f"{check_model(model)}/{kind}.json")
        if data is None:
            return Pointers(kind, model, {}, 0, "")
        with self._lock:
            pointers = read_pointers(data, kind, model, trusted, self._seen.get((kind, model), 0))
            self._seen[kind, model] = pointers.serial
        return pointers

    def _write(
        self,
        kind: PointerKind,
        model: str,
        versions: Mapping[str, int],
        reasons: Mapping[str, str],
        signer: Signer,
    ) -> None:
        name, now = f"{check_model(model)}/{kind}.json", self._clock_ms()
        serial = max(now, self._seen.get((kind, model), 0) + 1, min(self._serial_of(name, kind), now + DAY_MS) + 1)
        self._replace_file(name, Pointers(kind, model, versions, serial, format_rfc3339(now), reasons).to_bytes(signer))

    def _serial_of(self, name: str, kind: PointerKind) -> int:
        """The serial that the file says it has, 0 for none: only its writer's word, so it may move ours by a day at most."""
        try:
            found = parse_object(self._read_file(name) or b"", kind, "signature")["payload"]["serial"]
        except (ArtifactRefused, KeyError, TypeError):
            return 0
        return found if isinstance(found, int) else 0
