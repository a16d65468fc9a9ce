"""Answering a repeated request once: the port to wherever first answers are kept.

A key is in one of three states: free, claimed by a first attempt that is still at work, or holding its answer. A
claim ends by itself after `claim_seconds`, so that an attempt that dies frees its key; an answer is kept for
`keep_seconds`. `fingerprint` stands for the body: another body under the same key is a Conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer of the first attempt: HTTP-like status, media type and bytes."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """This attempt is the first and must `keep` or `release`; `owner` tells its claim from a later one."""

    key: str
    fingerprint: str
    owner: str


class InProgress:
    """Another attempt with the same body holds the claim."""


IN_PROGRESS = InProgress()


class IdempotencyStore(Protocol):
    """Where claims and answers are kept; every method raises StoreUnavailable when it cannot tell."""

    def claim(self, key: str, fingerprint: str, claim_seconds: float) -> Claim | KeptAnswer | InProgress:
        """Claim the key, or tell what holds it; Conflict when it belongs to another body."""

    def keep(self, claim: Claim, answer: KeptAnswer, keep_seconds: float) -> None:
        """Replace the claim by its answer; does nothing when the claim is no longer this attempt's."""

    def release(self, claim: Claim) -> None:
        """Free the key without an answer; does nothing when the claim is no longer this attempt's."""
