"""`wayfare train`: train a model on what the lake holds, and store it as a signed artifact."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any, Protocol, cast

import click

from local.layout import default_state
from local.stack import Stack
from pipelines.history.settings import HistorySettings
from wayfare.adapters.file_registry import FileRegistry
from wayfare.cli import console
from wayfare.domain.city import City
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import load

MODELS = ("surge",)
"""A model project is the folder of this name in pipelines; see `Project`."""


class Project(Protocol):
    """What the `steps` of a model project promise."""

    SETTINGS: type[HistorySettings]

    def model_name(self, city: City) -> str:
        """The name in the artifact store of a city's model."""

    def newest_usable(self, settings: Any, city: City) -> int | None:
        """The newest version in the store that this code can serve; None without one."""

    def train(self, settings: Any, city: City, wall_ms: int, say: Callable[[str], None]) -> dict[str, Any]:
        """Train on what the lake holds and store the artifact; tells model and version, and may tell metrics and notices."""


@click.command()
@click.argument("model", type=click.Choice(MODELS))
@click.option("--city", "city_id", help="City to train for; the only registered one otherwise.")
@click.option("--reuse", is_flag=True, help="Keep the newest artifact in the store that this code can serve.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, city_id: str | None, reuse: bool, as_json: bool) -> None:
    """Train MODEL for a city and store its artifact; `wayfare publish` then serves it.

    The simulated city's history is generated first when the lake holds none. Needs Redis and Cassandra (`wayfare up`).
    """
    os.environ |= Stack(default_state()).environment()
    # Spark's and TensorFlow's own deprecations are no business of whoever types the command.
    warnings.simplefilter("ignore")
    with console.progress("train") as say:
        done = _train(model, city_id, reuse, lambda text: say(model, text))
    if as_json:
        console.print_json(done)
        return
    console.OUT.print(f"{done['model']} {done['version']}{' kept' if done['reused'] else ''}")
    for name, metrics in done.get("metrics", {}).items():
        shown = ", ".join(
            f"{metric} {metrics[metric][0]:.3f}" for metric in ("accuracy", "mae", "macro_f1", "log_loss")
        )
        console.OUT.print(f"  {name:14} {shown}")
    for notice in done.get("notices", []):
        console.OUT.print(f"  {notice}")


def _train(model: str, city_id: str | None, reuse: bool, say: Callable[[str], None]) -> dict[str, Any]:
    from pipelines.history import main as history

    project = cast(Project, importlib.import_module(f"pipelines.{model}.steps"))
    settings = load(project.SETTINGS)
    registry = FileRegistry(settings.cities_file, settings.env == "production").now()
    if city_id is None and len(registry.ids()) != 1:
        raise click.UsageError(f"--city is needed when several cities are registered, got {registry.ids()}")
    city = registry.get(city_id or registry.ids()[0])
    if reuse and (version := project.newest_usable(settings, city)) is not None:
        return {"model": project.model_name(city), "version": version, "reused": True}
    if not any((settings.lake / "trips" / f"city={city.id}").glob("day=*/*.parquet")) and city.id == "sim":
        say(history.told(history.run(settings, city.id, None, None, say)))
    return project.train(settings, city, wall_ms(), say) | {"reused": False}
