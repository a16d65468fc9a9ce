"""One look at the store: verify, place, wait, replay the golden rows, move the label, retire.

Every step is safe to repeat, and a process killed between any two of them finds at its next start either the old state
or the new one. A label moves last, so it never points to a version that was not checked where it is served.

Several publishers may look at one store, each beside a model server of its own with a folder of its own. Each asks every
server before it moves a label, so it does not matter which one moves it; what one has refused, the others leave refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.publisher.placing import Shelf, usable
from wayfare.domain.errors import ArtifactRefused, InvalidInput, ModelUnavailable, StoreUnavailable
from wayfare.domain.models.artifact import SAVED_MODEL, Artifacts, VerifiedArtifact
from wayfare.domain.models.predictor import Predictor
from wayfare.domain.models.publishing import GoldenAnswers, check_answers, golden_answers, retire
from wayfare.domain.models.signed import Refusal, Signer, Trusted
from wayfare.runtime.logs import logger
from wayfare.runtime.metrics import ARTIFACTS_PUBLISHED, ARTIFACTS_REFUSED, EXCEPTIONS, MODEL_VERSION

GOLDEN = "golden.json"
_ROWS_A_CALL = 256
_SETTLE_MS = 5_000
"""How long a model server may still answer from what lay in a version's place before."""

log = logger(part="publisher")


@dataclass
class Model:
    """What is known of one model. refused: version -> (fingerprint, why). labels: as last read or written."""

    labels: dict[str, int] | None = None
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    verified: dict[int, tuple[str, GoldenAnswers]] = field(default_factory=dict)
    placed_at_ms: dict[int, int] = field(default_factory=dict)
    settled_at_ms: dict[int, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)


class Publisher:
    """Call `look(now_ms)` about every second.

    servers: gives a predictor for each address of the model servers. here: the one that serves this publisher's folder,
    when there are several.
    """

    def __init__(
        self,
        store: Artifacts,
        shelf: Shelf,
        servers: Callable[[], Sequence[Predictor]],
        here: Predictor | None,
        trusted: Trusted,
        signer: Signer,
        *,
        keep_ms: int,
        load_ms: int,
        predict_s: float,
        tolerance: float,
    ) -> None:
        self._store, self._shelf, self._servers, self._here = store, shelf, servers, here
        self._trusted, self._signer = trusted, signer
        self._keep_ms, self._load_ms, self._predict_s, self._tolerance = keep_ms, load_ms, predict_s, tolerance
        self._models: dict[str, Model] = {}
        self._status: Mapping[str, Any] = {}
        self._problems: dict[str, str] = {"publisher": "the first look at the store has not ended"}

    def problem(self) -> str | None:
        """Why this process cannot do its work now. A refused artifact is not a reason: the old one is being served."""
        return next(iter(self._problems.values()), None)

    def look(self, now_ms: int) -> None:
        """One pass over all models with releases; never raises for what is wrong with one of them."""
        problems: dict[str, str] = {}
        try:
            if usable(self._shelf):
                for name in self._store.models():
                    self._look_safely(name, problems, now_ms)
                if self._here is not None and not any(model.labels for model in self._models.values()):
                    problems["labels"] = "no version has been published yet"
                if not len(self._trusted):
                    problems["keys"] = "there is no trusted key, so nothing can be verified"
            else:
                problems["shelf"] = "another publisher owns the folder of models"
        except StoreUnavailable as error:
            problems["store"] = str(error)
        for what, problem in problems.items():
            if what not in self._problems:
                log.warning("cannot go on", problem=problem)
        self._problems = problems
        if "shelf" not in problems:
            self._tell()

    def _look_safely(self, name: str, problems: dict[str, str], now_ms: int) -> None:
        model = self._models.setdefault(name, Model())
        try:
            self._look_at(name, model, now_ms)
            if missing := self._missing_here(name, model):
                problems[name] = f"{name}: the model server here does not serve {missing} yet"
        except (StoreUnavailable, ModelUnavailable, OSError) as error:
            problems[name] = f"{name}: {error}"
        except InvalidInput as error:
            self._complain(name, model, "releases", ArtifactRefused(str(error), "manifest"))
        except Exception as error:
            EXCEPTIONS.labels(where="publisher").inc()
            log.exception("a look failed", model=name)
            problems[name] = f"{name}: {type(error).__name__}: {error}"

    def _look_at(self, name: str, model: Model, now_ms: int) -> None:
        try:
            wish = self._store.releases(name, self._trusted)
        except ArtifactRefused as error:
            self._complain(name, model, "releases", error)
            return
        model.complaints.pop("releases", None)
        labels = self._labels(name, model)
        model.waiting = {}
        facts = {label: version for label, version in labels.items() if label in wish}
        for version in set(facts.values()) - set(wish.values()):
            self._bring_back(name, model, version, now_ms)
        for label, version in sorted(wish.items()):
            if labels.get(label) == version:
                self._bring_back(name, model, version, now_ms)
            elif self._is_served(name, model, label, version, now_ms):
                facts[label] = version
        if facts != labels:
            self._store.write_labels(name, facts, self._signer)
            for label in sorted(facts.keys() | labels.keys()):
                if facts.get(label) != labels.get(label):
                    log.info("label moved", model=name, label=label, old=labels.get(label), new=facts.get(label))
                    if label in facts:
                        ARTIFACTS_PUBLISHED.labels(model=name).inc()
            model.labels = facts
        for label, version in facts.items():
            MODEL_VERSION.labels(model=name, label=label).set(version)
        self._tell_refusals(name, model, wish)
        self._retire(name, model, {*facts.values(), *wish.values()} - model.refused.keys() | {*facts.values()}, now_ms)

    def _labels(self, name: str, model: Model) -> dict[str, int]:
        try:
            model.labels = self._store.labels(name, self._trusted)
            model.complaints.pop("labels", None)
        except ArtifactRefused as error:  # somebody else wrote it: what this process knows is written anew
            self._complain(name, model, "labels", error)
            if model.labels:
                self._store.write_labels(name, model.labels, self._signer)
        return dict(model.labels or {})

    def _is_served(self, name: str, model: Model, label: str, version: int, now_ms: int) -> bool:
        """Whether every model server has this version and reproduces its golden answers; one step nearer if not."""
        fingerprint = self._fingerprint(name, version)
        if version in model.refused and model.refused[version][0] == fingerprint:
            return False
        try:
            golden = self._verified(name, model, version, fingerprint, now_ms)
            servers = self._servers()
            for server in servers:
                if waits := self._waits(name, model, version, server, now_ms):
                    model.waiting[label] = waits
                    return False
            for server in servers:
                self._replay(name, version, server, golden)
        except ModelUnavailable:
            model.placed_at_ms[version] = now_ms  # the time to load counts while a server answers
            raise
        except ArtifactRefused as error:
            model.refused[version] = fingerprint, f"{error.reason}: {error}"
            model.verified.pop(version, None)
            if version not in (model.labels or {}).values():
                self._shelf.withdraw(name, version)
            ARTIFACTS_REFUSED.labels(model=name, reason=error.reason).inc()
            log.error("refused", model=name, version=version, label=label, reason=error.reason, why=str(error))
            return False
        model.refused.pop(version, None)
        return True

    def _waits(self, name: str, model: Model, version: int, server: Predictor, now_ms: int) -> str | None:
        """Why this server cannot be asked for the version yet; None when it can."""
        state = server.states(name, self._predict_s).get(version, "START")
        waited = now_ms - model.placed_at_ms[version]
        if now_ms < model.settled_at_ms.get(version, 0):
            return f"version {version} was replaced just now"
        if state == "AVAILABLE":
            return None
        if state.startswith("FAILED"):
            raise ArtifactRefused(f"the model server cannot load it, got {state}", "load")
        if waited > self._load_ms:
            raise ArtifactRefused(f"not available after {waited / 1000:.0f} s, got state {state}", "load")
        return f"version {version} is {state.lower()} at a model server"

    def _fingerprint(self, name: str, version: int) -> str:
        """Of what a verdict on a version depends on: the artifact, the releases and whose signatures count."""
        try:
            artifact = self._store.fingerprint(name, version)
        except InvalidInput:  # no such version can exist, which opening it will say
            artifact = ""
        return f"{artifact}/{','.join(self._trusted)}"

    def _verified(self, name: str, model: Model, version: int, fingerprint: str, now_ms: int) -> GoldenAnswers:
        """The golden answers, once the artifact is verified whole and its SavedModel is in place."""
        known = model.verified.get(version)
        if known is not None and known[0] == fingerprint and version in self._shelf.placed(name):
            return known[1]
        try:
            artifact = self._store.open(name, version, self._trusted)
        except InvalidInput as error:
            raise ArtifactRefused(str(error), "path") from error
        for file in artifact.names():
            artifact.read(file)
        if f"{SAVED_MODEL}saved_model.pb" not in artifact.names():
            raise ArtifactRefused(f"an artifact to be served has a saved_model, got {artifact.names()[:9]}", "files")
        if GOLDEN not in artifact.names():
            raise ArtifactRefused(f"an artifact to be served has {GOLDEN}, got {artifact.names()[:9]}", "golden")
        golden = golden_answers(artifact.read(GOLDEN))
        self._place(artifact, model, now_ms)
        model.verified[version] = fingerprint, golden
        return golden

    def _place(self, artifact: VerifiedArtifact, model: Model, now_ms: int) -> None:
        name, version = artifact.manifest.model, artifact.manifest.version
        if not self._shelf.holds(artifact):
            if version in model.placed_at_ms or version in self._shelf.placed(name):
                model.settled_at_ms[version] = now_ms + _SETTLE_MS
            self._shelf.place(artifact)
            log.info("placed", model=name, version=version)
        model.placed_at_ms[version] = now_ms

    def _bring_back(self, name: str, model: Model, version: int, now_ms: int) -> None:
        """Place what a label already names, when this machine has not got it: it was checked before it was labelled."""
        if version in model.placed_at_ms and version in self._shelf.placed(name):
            model.refused.pop(version, None)
            return
        fingerprint = self._fingerprint(name, version)
        refused_at, why = model.refused.get(version, ("", ""))
        # That a server was slow to load it says nothing of the artifact, and others have seen it served since.
        if refused_at == fingerprint and not why.startswith("load:"):
            return
        try:
            self._place(self._store.open(name, version, self._trusted), model, now_ms)
            model.refused.pop(version, None)
        except ArtifactRefused as error:
            model.refused[version] = fingerprint, f"{error.reason}: {error}"
            ARTIFACTS_REFUSED.labels(model=name, reason=error.reason).inc()
            log.error("refused what a label names", model=name, version=version, reason=error.reason, why=str(error))

    def _replay(self, name: str, version: int, server: Predictor, golden: GoldenAnswers) -> None:
        rows = golden.features
        try:
            parts = [
                server.predict(name, version, rows[start : start + _ROWS_A_CALL], self._predict_s)
                for start in range(0, len(rows), _ROWS_A_CALL)
            ]
        except ModelUnavailable as error:
            if error.answered:
                raise ArtifactRefused(f"its golden rows get no usable answer: {error}", "golden") from error
            raise
        check_answers(golden, np.concatenate(parts), self._tolerance)

    def _missing_here(self, name: str, model: Model) -> str:
        """The labelled versions that the model server beside this publisher cannot answer with; empty when none."""
        if self._here is None or not model.labels:
            return ""
        states = self._here.states(name, self._predict_s)
        return ", ".join(str(v) for v in sorted(set(model.labels.values())) if states.get(v) != "AVAILABLE")

    def _retire(self, name: str, model: Model, needed: set[int], now_ms: int) -> None:
        before = self._shelf.read_state(name)
        since, over = retire(self._shelf.placed(name), needed, before, now_ms, self._keep_ms)
        for version in over:
            self._shelf.withdraw(name, version)
            model.verified.pop(version, None)
            since.pop(version)
            log.info("withdrawn", model=name, version=version)
        if since != before:
            self._shelf.write_state(name, since)

    def _tell_refusals(self, name: str, model: Model, wish: Mapping[str, int]) -> None:
        model.refused = {
            v: why for v, why in model.refused.items() if v in {*wish.values(), *(model.labels or {}).values()}
        }
        try:
            before = self._store.refusals(name, self._trusted)
        except ArtifactRefused:
            before = {}
            self._store.write_refusals(name, before, self._signer)
        served = model.labels or {}
        told = {
            label: refusal
            for label, refusal in before.items()
            if served.get(label) != wish.get(label) == refusal.version
            and refusal.fingerprint == self._fingerprint(name, refusal.version)
        }
        told |= {
            label: Refusal(v, model.refused[v][1][:300], model.refused[v][0])
            for label, v in wish.items()
            if v in model.refused
        }
        if told != before:
            self._store.write_refusals(name, told, self._signer)

    def _complain(self, name: str, model: Model, what: str, error: ArtifactRefused) -> None:
        """Log and count a file that is refused, once as long as it stays so."""
        if model.complaints.get(what) != str(error):
            ARTIFACTS_REFUSED.labels(model=name, reason=error.reason).inc()
            log.error(f"{what} are refused", model=name, reason=error.reason, why=str(error))
        model.complaints[what] = str(error)

    def _tell(self) -> None:
        status = {
            "problem": self.problem(),
            "models": {
                name: {
                    "labels": model.labels or {},
                    "placed": self._shelf.placed(name),
                    "refused": {str(version): why for version, (_, why) in model.refused.items()},
                    "waiting": model.waiting,
                    "complaints": dict(model.complaints),
                }
                for name, model in self._models.items()
            },
        }
        if status != self._status:
            try:
                self._shelf.write_status(status)
            except OSError as error:
                self._problems["status"] = f"the status file cannot be written: {error}"
                return
            self._status = status
