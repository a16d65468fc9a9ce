"""Who calls: the four roles a credential can carry, and the port that tells a caller from a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Role = Literal["rider", "driver", "service", "operator"]
ROLES: frozenset[Role] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a verified token speaks for. `city` set: the token is good in that city only."""

    subject: str
    role: Role
    city: str | None = None


class TokenVerifier(Protocol):
    """Checks Bearer tokens against a set of public keys."""

    def verify(self, token: str) -> Caller:
        """The caller; Forged or Expired when the token does not hold, Unavailable when there are no keys yet."""
