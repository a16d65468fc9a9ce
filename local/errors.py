"""What can go wrong with the processes of one machine.

LocalFailed
├── JarsInvalid         the jars cannot be fetched, or are not the ones whose hashes were committed
├── ServerUnusable      a server cannot be prepared: something it needs is missing or failed
├── SupervisionFailed   supervisord could not be started or asked
└── StackFailed         something did not start, or did not stop
"""

from __future__ import annotations

from wayfare.domain.errors import WayfareError


class LocalFailed(WayfareError):
    """Base of what goes wrong with local processes."""


class JarsInvalid(LocalFailed):
    """The jars cannot be fetched, or are not the ones whose hashes were committed."""


class ServerUnusable(LocalFailed):
    """A server cannot be prepared: something it needs is missing or failed."""


class SupervisionFailed(LocalFailed):
    """supervisord could not be started or asked."""


class StackFailed(LocalFailed):
    """Something did not start, or did not stop."""
