"""The one tree of errors that Wayfare raises on purpose.

WayfareError
├── InvalidInput            what the caller sent cannot be used (HTTP 422; a row is rejected)
│   ├── OutOfCity           a place that no registered city holds
│   └── TooFarAhead         an event time more than five minutes ahead of the city's clock
├── Conflict                the thing asked for contradicts what is recorded
│   └── AlreadyBooked       the quote was used before (carries the booking of the same rider)
├── NotYours                the thing belongs to another rider (HTTP 403)
├── Expired                 a quote or lease whose life has ended
├── Forged                  a token whose signature or claims do not hold
├── Unavailable             something this process depends on cannot answer now (HTTP 503, or a degradation)
│   ├── LogUnavailable      the event log did not acknowledge
│   ├── WindowUnavailable   the live window cannot be read
│   ├── LedgerUnavailable   the booking ledger cannot answer, or its outcome is unknown
│   ├── ModelUnavailable    the model server failed, timed out or answered nonsense
│   └── StoreUnavailable    features, caps, artifacts or another store cannot be read
├── ArtifactRefused         signature, hash, golden answer or feature definition does not match
└── SettingsInvalid         a process was configured with values it cannot run with

Adapters raise these `from` the driver's own error, so HTTP codes are decided at the web edge only.
"""


class WayfareError(Exception):
    """Base of every error raised on purpose."""


class InvalidInput(WayfareError):
    """What the caller sent cannot be used."""


class OutOfCity(InvalidInput):
    """The place belongs to no registered city."""


class TooFarAhead(InvalidInput):
    """The event time is too far ahead of the city's clock."""


class Conflict(WayfareError):
    """The request contradicts what is recorded."""


class AlreadyBooked(Conflict):
    """The quote has been used; `booking_id` is set when the same rider used it."""

    def __init__(self, message: str, booking_id: str | None = None) -> None:
        super().__init__(message)
        self.booking_id = booking_id


class NotYours(WayfareError):
    """The quote or booking belongs to another rider."""


class Expired(WayfareError):
    """The life of a quote or lease has ended."""


class Forged(WayfareError):
    """A token whose signature or claims do not hold."""


class Unavailable(WayfareError):
    """Something this process depends on cannot answer now."""


class LogUnavailable(Unavailable):
    """The event log did not acknowledge in time."""


class WindowUnavailable(Unavailable):
    """The live window cannot be read."""


class LedgerUnavailable(Unavailable):
    """The booking ledger cannot answer, or the outcome of a write is unknown."""


class ModelUnavailable(Unavailable):
    """The model server failed, timed out or answered nonsense.

    answered: True when a server did answer, so that asking again would give the same.
    """

    def __init__(self, message: str, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class StoreUnavailable(Unavailable):
    """A store of features, caps or artifacts cannot be read."""


class ArtifactRefused(WayfareError):
    """An artifact whose signature, hash, golden answer or feature definition does not match.

    reason: one word of a fixed list, fit for a metric's label: `signature` (missing, wrong or by a key that may not
    sign this), `manifest` (not of the promised form), `path` (says it is another model or version), `files` (missing,
    extra or of a kind that is not allowed), `hash`, `golden`, `features`, `load` (the model server cannot load it),
    `replay` (older than what was seen before).
    """

    def __init__(self, message: str, reason: str = "features") -> None:
        super().__init__(message)
        self.reason = reason


class SettingsInvalid(WayfareError):
    """The process was configured with values it cannot run with."""
