"""The versions that are served: found in the folder, loaded in the background, unloaded when their folder goes."""

from __future__ import annotations

import pathlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.model_server.batching import Batcher
from wayfare.runtime.logs import logger
from wayfare.runtime.metrics import EXCEPTIONS, MODEL_NOT_FROZEN

if TYPE_CHECKING:  # this file's rules need no TensorFlow
    from services.model_server.network import Network

# States of tensorflow.serving.ModelVersionStatus.
START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50
STATE_NAMES = {START: "start", LOADING: "loading", AVAILABLE: "available", UNLOADING: "unloading", END: "end"}

_VERSION = re.compile(r"[1-9][0-9]{0,17}\Z")
_REMEMBERED = 20

log = logger(part="shelf")


@dataclass
class Version:
    """One version folder. stamp: changes when the folder is replaced. error: why it could not be loaded."""

    stamp: tuple[int, ...]
    state: int = START
    error: str = ""
    retry_at: float = 0.0
    network: Network | None = None
    batchers: dict[str, Batcher] = field(default_factory=dict)


class Shelf:
    """Versions by model. `scan` is called by one thread; everything else by any.

    load: builds a Network from a folder. wrap: builds the batchers of a loaded version.
    """

    def __init__(
        self,
        root: pathlib.Path,
        load: Callable[[pathlib.Path], Network],
        wrap: Callable[[Network], dict[str, Batcher]],
        retry_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._load = load
        self._wrap = wrap
        self._retry_seconds = retry_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._models: dict[str, dict[int, Version]] = {}
        self._scanned = False
        self._problem: str | None = None

    def problem(self) -> str | None:
        """Why not all that should be served is: the first look has not ended, or the folder cannot be read."""
        return self._problem if self._scanned else "versions are being loaded"

    def find(self, model: str, version: int | None) -> tuple[int, Version] | None:
        """A version to compute with, the newest available one when no number is given; None when there is none."""
        with self._lock:
            versions = self._models.get(model, {})
            if version is None:
                version = max((n for n, v in versions.items() if v.state == AVAILABLE), default=None)
            found = versions.get(version) if version is not None else None
            return (version, found) if version is not None and found and found.state == AVAILABLE else None

    def states(self, model: str) -> dict[int, tuple[int, str]] | None:
        """State and error of every version that is known, newest first; None for an unknown model."""
        with self._lock:
            versions = self._models.get(model)
            return (
                {n: (versions[n].state, versions[n].error) for n in sorted(versions, reverse=True)}
                if versions
                else None
            )

    def knows(self, model: str) -> bool:
        """Whether any version of this model was ever seen."""
        return model in self._models

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of versions by model and state, failed loads under `failed`."""
        found: dict[tuple[str, str], int] = {}
        with self._lock:
            for model, versions in self._models.items():
                for version in versions.values():
                    key = model, "failed" if version.error else STATE_NAMES[version.state]
                    found[key] = found.get(key, 0) + 1
        return found

    def scan(self) -> None:
        """Look through the folder once: load what is new or replaced, unload what is gone."""
        try:
            present = self._present()
        except FileNotFoundError:
            present = {}
            if self._models:  # what vanished as a whole is more likely a lost mount than a wish
                self._problem = f"the folder of models is gone, got {self._root}"
                return
        except OSError as error:
            self._problem = f"the folder of models cannot be read: {error}"
            return
        self._problem = None
        for (model, number), (path, stamp) in sorted(present.items()):
            known = self._models.get(model, {}).get(number)
            if known is None or known.stamp != stamp or (known.error and self._monotonic() >= known.retry_at):
                self._bring(model, number, path, stamp)
        for model, versions in list(self._models.items()):
            for number, version in list(versions.items()):
                if (model, number) not in present and version.state != END:
                    self._drop(model, number, version)
        self._scanned = True

    def _present(self) -> dict[tuple[str, int], tuple[pathlib.Path, tuple[int, ...]]]:
        found = {}
        for model in self._root.iterdir():
            if model.name.startswith(".") or not model.is_dir():
                continue
            for path in model.iterdir():
                if _VERSION.match(path.name) and path.is_dir():
                    status = path.stat()
                    found[model.name, int(path.name)] = path, (status.st_ino, status.st_ctime_ns)
        return found

    def _bring(self, model: str, number: int, path: pathlib.Path, stamp: tuple[int, ...]) -> None:
        fresh = Version(stamp, LOADING)
        with self._lock:
            before = self._models.setdefault(model, {}).get(number)
            if before is None or before.state != AVAILABLE:  # a replaced version answers until its successor can
                self._models[model][number] = fresh
        began = self._monotonic()
        try:
            fresh.network = self._load(path)
            fresh.batchers = self._wrap(fresh.network)
        except Exception as error:
            EXCEPTIONS.labels(where="model_load").inc()
            fresh.state, fresh.error = END, f"{type(error).__name__}: {error}"[:300]
            fresh.retry_at = self._monotonic() + self._retry_seconds
            log.error("version cannot be loaded", model=model, version=number, error=fresh.error)
        else:
            fresh.state = AVAILABLE
            took = round(self._monotonic() - began, 3)
            log.info("version available", model=model, version=number, seconds=took)
            for key, signature in fresh.network.signatures.items():
                if why := signature.not_frozen:
                    MODEL_NOT_FROZEN.labels(model=model, reason=why.reason).inc()
                    log.warning("a signature stays slow", model=model, version=number, signature=key, reason=str(why))
        with self._lock:
            self._models[model][number] = fresh

    def _drop(self, model: str, number: int, version: Version) -> None:
        with self._lock:
            version.state = END
            version.network = None
            version.batchers = {}  # calls in flight hold their own reference
            ended = sorted(n for n, v in self._models[model].items() if v.state == END and not v.network)
            for old in ended[:-_REMEMBERED]:
                del self._models[model][old]
        log.info("version unloaded", model=model, version=number)
