"""`Idempotency-Key` at the edge: a repeated request gets the first one's answer.

The key is scoped to subject, role and route. Any answer below 500 is kept, so that a refused booking stays refused
under its key. A duplicate that arrives while the first is at work waits for it until its own deadline and then
gets 503 with `Retry-After` (it may be sent again: 409 would say that it never can). When the store is down, the request
proceeds without protection, which is counted: bookings are protected by their ledger anyway.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import orjson

from wayfare.domain.callers import Caller
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.idempotency import KEEP_SECONDS, Claim, IdempotencyStore, InProgress, KeptAnswer
from wayfare.runtime import logs
from wayfare.runtime.deadline import Deadline
from wayfare.runtime.metrics import IDEMPOTENCY
from wayfare.runtime.web.problems import Refusal, Trouble, invalid
from wayfare.runtime.web.rate_limit import retry_after
from wayfare.runtime.web.routes import Route

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_POLL_SECONDS = (0.005, 0.01, 0.02, 0.04)
_MARGIN_SECONDS = 5.0


def scoped_key(caller: Caller, route: Route, header: str) -> str:
    """The store's key of a request; Refusal 422 for a key that is not 1 to 255 visible ASCII characters."""
    if not _KEY.match(header):
        raise invalid([Trouble("", f"Idempotency-Key must be 1 to 255 visible ASCII characters, got {header[:64]!r}")])
    scope = "\0".join((caller.role, caller.subject, route.method, route.path, header))
    return hashlib.sha256(scope.encode()).hexdigest()


def fingerprint(value: Any) -> str:
    """Stands for a body: equal for bodies that mean the same JSON."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def answer_once(
    store: IdempotencyStore,
    key: str,
    body_fingerprint: str,
    deadline: Deadline,
    first: Callable[[], KeptAnswer],
    sleep: Callable[[float], None] = time.sleep,
) -> KeptAnswer:
    """The kept answer of `key`, or that of `first()`; Conflict for another body, Refusal 503 while the first works."""
    claim: Claim | None = None
    try:
        held = _claim_or_wait(store, key, body_fingerprint, deadline, sleep)
        if isinstance(held, KeptAnswer):
            IDEMPOTENCY.labels("replayed").inc()
            return held
        claim = held
    except StoreUnavailable as error:
        IDEMPOTENCY.labels("unprotected").inc()
        logs.logger().warning("idempotency store unavailable", reason=str(error))
    try:
        answer = first()
    except BaseException:
        _quietly(lambda: store.release(claim) if claim else None)
        raise
    if claim:
        kept = claim
        if answer.status < 500:
            _quietly(lambda: store.keep(kept, answer, KEEP_SECONDS))
        else:
            _quietly(lambda: store.release(kept))
    return answer


def _claim_or_wait(
    store: IdempotencyStore, key: str, body_fingerprint: str, deadline: Deadline, sleep: Callable[[float], None]
) -> Claim | KeptAnswer:
    waits = iter(_POLL_SECONDS)
    pause = 0.0
    while True:
        held = store.claim(key, body_fingerprint, deadline.remaining() + _MARGIN_SECONDS)
        if not isinstance(held, InProgress):
            return held
        pause = next(waits, pause)
        if deadline.remaining() <= pause:
            IDEMPOTENCY.labels("still_working").inc()
            raise Refusal(
                503,
                "the first request with this Idempotency-Key is still at work; send the same again",
                headers={"Retry-After": retry_after(0)},
            )
        sleep(pause)


def _quietly(action: Callable[[], None]) -> None:
    """The answer is known: a store that fails now only costs the protection of a later duplicate."""
    try:
        action()
    except StoreUnavailable as error:
        IDEMPOTENCY.labels("not_kept").inc()
        logs.logger().warning("idempotency store unavailable", reason=str(error))
