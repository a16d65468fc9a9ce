"""Which model version is served: the label's, once its artifact is verified and its features are reproduced here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.pricing_api.copies import Copies
from wayfare.domain.city import Registry
from wayfare.domain.errors import ArtifactRefused, StoreUnavailable
from wayfare.domain.models.artifact import Artifacts
from wayfare.domain.models.signed import Trusted
from wayfare.domain.models.surge_bundle import load_surge_bundle
from wayfare.domain.pricing.live import LoadedModel
from wayfare.runtime import logs
from wayfare.runtime.metrics import ARTIFACTS_REFUSED, MODEL_VERSION


def model_of(city_id: str) -> str:
    """The name of a city's surge model."""
    return f"surge-{city_id}"


@dataclass
class Models:
    """Moves each city to the version that `label` names. A version that is refused leaves the one before it in force."""

    artifacts: Artifacts
    trusted: Trusted
    label: str
    registry: Callable[[], Registry]
    copies: Copies
    problems: dict[str, str] = field(default_factory=dict)

    def refresh(self) -> None:
        """Look at the labels once."""
        for city in self.registry():
            problem = self._refresh_city(city.id)
            if problem is None:
                self.problems.pop(city.id, None)
                continue
            if self.problems.get(city.id) != problem:
                logs.logger().warning("model not taken up", city=city.id, reason=problem)
            self.problems[city.id] = problem

    def problem(self) -> str | None:
        """Why no city can be priced; None as soon as one can."""
        if any(copy.model is not None for copy in list(self.copies.cities.values())):
            return None
        return "; ".join(self.problems.values()) or "no model was looked for yet"

    def _refresh_city(self, city_id: str) -> str | None:
        name = model_of(city_id)
        copy = self.copies.of(self.registry().get(city_id))
        try:
            version = self.artifacts.labels(name, self.trusted).get(self.label)
            if version is None:
                return f"{name} has no version labelled {self.label!r} yet"
            if copy.model is not None and copy.model.version == version:
                return None
            bundle = load_surge_bundle(self.artifacts.open(name, version, self.trusted).read)
            if bundle.city != city_id:
                raise ArtifactRefused(f"the artifact must be of city {city_id}, got {bundle.city}", "path")
        except StoreUnavailable as error:
            return str(error)
        except ArtifactRefused as error:
            ARTIFACTS_REFUSED.labels(name, error.reason).inc()
            return f"{name} refused: {error}"
        copy.model = LoadedModel(name, version, self.label, bundle, tuple(bundle.feature_names))
        MODEL_VERSION.labels(name, self.label).set(version)
        logs.logger().info("model taken up", model=name, version=version, label=self.label)
        return None
