"""`wayfare publish`: wish that a version of a model be served, and wait until it is or is refused."""

from __future__ import annotations

import os
import pathlib
import time

import click

from local.environment import of_operator
from local.layout import Layout, default_state
from wayfare.adapters.ed25519_signing import Signer, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.cli import console
from wayfare.domain.errors import ArtifactRefused, InvalidInput, StoreUnavailable
from wayfare.domain.ids import is_id
from wayfare.domain.models.artifact import Artifacts
from wayfare.domain.models.signed import Trusted

_LOOK_SECONDS = 0.25


@click.command()
@click.argument("model")
@click.option("--version", type=int, help="Version to serve, YYYYMMDD * 1000 + n; the newest in the store otherwise.")
@click.option("--label", default="stable", show_default=True, help="Label that front ends ask for.")
@click.option("--wait", default=120.0, show_default=True, type=click.FloatRange(0), help="Seconds; 0 does not wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, version: int | None, label: str, wait: float, as_json: bool) -> None:
    """Ask for MODEL (for example surge-sim) to be served under a label.

    The wish is signed with the trainer's key. The publisher verifies the artifact, brings it to the model server,
    replays its golden rows and moves the label; this command waits for that. Exits with 1 when the artifact is refused
    or the time is over; the wish then stands.
    """
    if not is_id(label):
        raise click.BadParameter(f"a label is 1 to 64 of A-Z a-z 0-9 . _ : -, got {label!r}")
    variables = of_operator(Layout(default_state()), {}) | os.environ
    signer = Signer(pathlib.Path(variables["WAYFARE_TRAINER_KEY_FILE"]))
    trusted = trusted_keys(pathlib.Path(variables["WAYFARE_TRUSTED_KEYS_DIR"]))
    store = ArtifactStore(variables["WAYFARE_ARTIFACT_STORE"])
    chosen = _checked(store, model, version, trusted)
    wish = _read_wish(store, model, trusted)
    with console.progress("publish") as say:
        name = f"{model} {chosen}"
        store.write_releases(
            model, wish | {label: chosen}, signer
        )  # even when it says so: a refused one is tried again
        say(name, f"release {label} signed by {signer.kid}")
        outcome = _wait(store, model, label, chosen, trusted, wait) if wait else "asked"
        say(name, "ok" if outcome == "served" else outcome)
    if as_json:
        console.print_json({"model": model, "version": chosen, "label": label, "outcome": outcome})
    if outcome not in ("served", "asked"):
        raise SystemExit(1)


def _checked(store: Artifacts, model: str, version: int | None, trusted: Trusted) -> int:
    """The version to publish, verified here already: what would be refused is not even wished for."""
    if version is None:
        versions = store.versions(model)
        if not versions:
            raise InvalidInput(f"the store has no complete artifact of this model, got {model!r}")
        version = versions[-1]
    artifact = store.open(model, version, trusted)
    for file in artifact.names():
        artifact.read(file)
    return version


def _read_wish(store: Artifacts, model: str, trusted: Trusted) -> dict[str, int]:
    try:
        return store.releases(model, trusted)
    except ArtifactRefused as error:
        console.ERR.print(f"publish: the present releases are refused and will be replaced: {error}")
        return {}


def _wait(store: Artifacts, model: str, label: str, version: int, trusted: Trusted, seconds: float) -> str:
    """`served`, `refused: why`, or that the time is over."""
    deadline = time.monotonic() + seconds
    asked = store.fingerprint(model, version)
    problem = "the publisher has not moved the label"
    while time.monotonic() < deadline:
        try:
            if store.labels(model, trusted).get(label) == version:
                return "served"
            refusal = store.refusals(model, trusted).get(label)
            if refusal and refusal.version == version and refusal.fingerprint.startswith(asked):
                return f"refused: {refusal.why}"
            problem = "the publisher has not moved the label"
        except (ArtifactRefused, StoreUnavailable) as error:
            problem = str(error)
        time.sleep(_LOOK_SECONDS)
    return f"not served after {seconds:.0f} s: {problem}"
