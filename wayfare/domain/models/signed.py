"""What is signed, by whom: the canonical form, the roles of keys, and small signed documents.

A signature is Ed25519 over bytes; the driver is outside, the rules are here. A key's id (`kid`) begins with its role:
a key whose id begins with `publisher` may sign labels and refusals and nothing else, and no other key may sign those. So the key
that lives beside the model servers cannot make an artifact, nor wish for one, and the trainer's key cannot claim that
a version was checked and is being served.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.ids import is_id

SCHEMA = 1
PointerKind = Literal["releases", "labels", "refusals"]
Kind = Literal["manifest", "releases", "labels", "refusals"]


class Signer(Protocol):
    """Holds a private key."""

    @property
    def kid(self) -> str:
        """Id of the key."""

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`."""


class Verifier(Protocol):
    """Holds a public key."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True when `signature` is this key's over exactly `message`."""


Trusted = Mapping[str, Verifier]


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: keys sorted, no spaces, ASCII; NaN and infinities are refused (ValueError).

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def may_sign(kid: str, kind: Kind) -> bool:
    """Whether a key's role lets it sign this kind of thing.

    >>> may_sign("trainer-2026", "manifest"), may_sign("publisher-1", "manifest"), may_sign("trainer-2026", "labels")
    (True, False, False)
    """
    return kid.startswith("publisher") == (kind in ("labels", "refusals"))


def signature_text(message: bytes, signer: Signer) -> bytes:
    """A detached signature file: `{"kid", "signature"}`, the signature in base64."""
    return canonical({"kid": signer.kid, "signature": base64.b64encode(signer.sign(message)).decode()})


def check_signature(message: bytes, kid: Any, signature: Any, kind: Kind, trusted: Trusted) -> None:
    """ArtifactRefused unless a trusted key whose role allows it signed exactly these bytes."""
    if not isinstance(kid, str) or not isinstance(signature, str):
        raise ArtifactRefused(f"a signature has a kid and a base64 text, got {kid!r}", "signature")
    if kid not in trusted:
        raise ArtifactRefused(f"no trusted key has the id that signed the {kind}, got {kid[:64]!r}", "signature")
    if not may_sign(kid, kind):
        raise ArtifactRefused(f"this key's role does not let it sign {kind}, got {kid!r}", "signature")
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArtifactRefused(
            f"the signature of the {kind} is not base64, got {signature[:32]!r}", "signature"
        ) from error
    if not trusted[kid].verify(message, raw):
        raise ArtifactRefused(f"the signature of the {kind} does not hold for key {kid!r}", "signature")


def parse_object(data: bytes, what: str, reason: str) -> dict[str, Any]:
    """A JSON object without duplicate keys; ArtifactRefused with `reason` otherwise."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key appears twice")
        return found

    try:
        value = json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ArtifactRefused(f"{what} is not JSON: {error}, got {data[:48]!r}", reason) from error
    if not isinstance(value, dict):
        raise ArtifactRefused(f"{what} is a JSON object, got {type(value).__name__}", reason)
    return value


class Refusal(NamedTuple):
    """A version that was wished for and refused. fingerprint: of the artifact and releases that were looked at."""

    version: int
    why: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Pointers:
    """A signed `releases.json` (wish), `labels.json` (fact) or `refusals.json` of one model: label -> version.

    serial: grows with every write, so that a reader can tell an old file that somebody put back. written: RFC 3339.
    reasons: label -> fingerprint, a space, and why its version was refused; refusals only.
    """

    kind: PointerKind
    model: str
    versions: Mapping[str, int]
    serial: int
    written: str
    reasons: Mapping[str, str] = field(default_factory=dict)

    def refused(self) -> dict[str, Refusal]:
        """The entries of a `refusals.json` by label."""
        split = {label: str(self.reasons.get(label, "")).partition(" ") for label in self.versions}
        return {label: Refusal(self.versions[label], why, mark) for label, (mark, _, why) in split.items()}

    def to_bytes(self, signer: Signer) -> bytes:
        """The signed document; InvalidInput when the signer's role does not allow it."""
        if not may_sign(signer.kid, self.kind):
            raise InvalidInput(f"this key's role does not let it sign {self.kind}, got {signer.kid!r}")
        payload = {
            "schema": SCHEMA,
            "kind": self.kind,
            "model": self.model,
            "versions": dict(self.versions),
            "serial": self.serial,
            "written": self.written,
            "reasons": dict(self.reasons),
        }
        signature = base64.b64encode(signer.sign(canonical(payload))).decode()
        return canonical({"payload": payload, "kid": signer.kid, "signature": signature})


def read_pointers(data: bytes, kind: PointerKind, model: str, trusted: Trusted, seen: int = 0) -> Pointers:
    """Verify and parse a signed document; ArtifactRefused unless it is this kind, of this model, and no older than
    `seen`, the highest serial that the caller has met."""
    document = parse_object(data, kind, "signature")
    payload = document.get("payload")
    if not isinstance(payload, dict):
        raise ArtifactRefused(f"{kind} of {model} carry no signed payload, got keys {sorted(document)}", "signature")
    check_signature(canonical(payload), document.get("kid"), document.get("signature"), kind, trusted)
    serial, versions, reasons = payload.get("serial"), payload.get("versions"), payload.get("reasons", {})
    if payload.get("kind") != kind or payload.get("model") != model:
        said = f"{payload.get('kind')} of {payload.get('model')}"
        raise ArtifactRefused(f"this file must be {kind} of {model}, got {said}", "path")
    if (
        payload.get("schema") != SCHEMA
        or not isinstance(serial, int)
        or not isinstance(versions, dict)
        or not isinstance(reasons, dict)
        or not all(is_id(label) and type(version) is int and version > 0 for label, version in versions.items())
    ):
        raise ArtifactRefused(f"{kind} of {model} are not of schema {SCHEMA}, got {payload!r}"[:300], "manifest")
    if serial < seen:
        raise ArtifactRefused(f"{kind} of {model} are older than serial {seen} seen before, got {serial}", "replay")
    return Pointers(kind, model, versions, serial, str(payload.get("written")), reasons)
