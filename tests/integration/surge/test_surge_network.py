"""The surge network: encoding, ordered outputs, loss, training and export."""

import pathlib

import numpy as np
import pytest

from wayfare.domain.features.sets import SURGE
from wayfare.domain.geo import quadtree
from wayfare.domain.models.evaluation import auc

model = pytest.importorskip("pipelines.surge.model")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE = model.Shape((16, 8), 0.1, 5e-3, 64, 4, 7)
NAMES = [feature.name for feature in SURGE]
CABS = NAMES.index("cabs_available_5km")
TREE = quadtree.build(*np.random.default_rng(1).normal([[37.77], [-122.42]], 0.01, (2, 2000)), 100, 20)


def rows(n: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Features and levels of a small market where few cabs mean surge; a third of the weather is missing."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, 3.0, (n, len(SURGE)))
    for column, feature in enumerate(SURGE):
        ranges = {"hour": 24, "weekday": 7, "place_kind": 13, "leaf": TREE.nodes}
        if feature.kind in ranges:
            values[:, column] = rng.integers(0, ranges[feature.kind], n)
    values[:, CABS] = rng.uniform(0, 30, n)
    values[::3, NAMES.index("rain_mm")] = np.nan
    values[:, NAMES.index("wind_ms")] = np.nan
    levels = np.clip(((12.0 - values[:, CABS]) / 2 + rng.normal(size=n)).astype(int), 0, 6)
    return values, levels.astype(np.int64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> object:
    values, levels = rows(3000)
    statistics = model.fit_statistics(SURGE, values)
    network = model.build(SURGE, statistics, TREE.paths(), SHAPE)
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    history = model.train(network, (values, levels), rows(600, 3), SHAPE, checkpoints)
    serve = model.serving_function(network, len(SURGE))
    folder = tmp_path_factory.mktemp("export") / "saved_model"
    model.export(network, serve, folder)
    return network, serve, folder, history


def test_outputs_begin_with_one_and_never_increase_whatever_comes_in(trained: tuple) -> None:
    rng = np.random.default_rng(5)
    wild = rng.normal(size=(2000, len(SURGE))) * 10.0 ** rng.uniform(-3, 12, (2000, len(SURGE)))
    wild[rng.random(wild.shape) < 0.3] = np.nan
    at_least = model.predict(trained[1], wild)
    assert at_least.shape == (2000, 7)
    assert np.isfinite(at_least).all()
    assert (at_least[:, 0] == 1).all()
    assert (np.diff(at_least, axis=1) <= 0).all()
    assert (at_least >= 0).all()


def test_an_untrained_network_is_ordered_too() -> None:
    values, _ = rows(200)
    network = model.build(SURGE, model.fit_statistics(SURGE, values), TREE.paths(), SHAPE)
    assert (np.diff(model.predict(model.serving_function(network, len(SURGE)), values), axis=1) <= 0).all()


def test_it_learns_what_makes_surge_and_the_loss_falls(trained: tuple) -> None:
    values, levels = rows(1000, 9)
    at_least = model.predict(trained[1], values)
    assert auc(levels > 0, at_least[:, 1]) > 0.9
    assert trained[3]["val_loss"][-1] < trained[3]["val_loss"][0]


def test_the_loss_punishes_ones_everywhere() -> None:
    targets = np.zeros((10, 6), np.float32)
    ones, right = np.full((10, 6), 20.0, np.float32), np.full((10, 6), -20.0, np.float32)
    assert float(model.loss(targets, ones)) > 10 > 1e-3 > float(model.loss(targets, right))


def test_a_feature_never_seen_in_training_is_not_used(trained: tuple) -> None:
    values, _ = rows(50)
    changed = values.copy()
    changed[:, NAMES.index("wind_ms")] = 40.0
    np.testing.assert_array_equal(model.predict(trained[1], values), model.predict(trained[1], changed))


def test_missing_is_not_the_mean(trained: tuple) -> None:
    values, _ = rows(50)
    rain = NAMES.index("rain_mm")
    known, missing = values.copy(), values.copy()
    known[:, rain], missing[:, rain] = np.nanmean(rows(3000)[0][:, rain]), np.nan
    assert not np.array_equal(model.predict(trained[1], known), model.predict(trained[1], missing))


def test_statistics_leave_missing_values_out_and_name_what_never_varied() -> None:
    values, _ = rows(300)
    values[:, CABS] = 5.0
    fitted = model.fit_statistics(SURGE, values)
    rain = values[:, NAMES.index("rain_mm")]
    assert fitted["rain_mm"]["mean"] == pytest.approx(np.nanmean(rain))
    assert fitted["rain_mm"]["missing"] == pytest.approx(1 / 3)
    assert fitted["cabs_available_5km"]["mean"] is None
    assert fitted["wind_ms"]["mean"] is None


def test_the_saved_model_answers_as_the_network_does_by_its_signature(trained: tuple) -> None:
    import tensorflow as tf

    values, _ = rows(64, 11)
    signature = tf.saved_model.load(str(trained[2])).signatures["serving_default"]
    answer = signature(features=tf.constant(values.astype(np.float32)))
    assert list(answer) == ["at_least"]
    np.testing.assert_allclose(answer["at_least"].numpy(), model.predict(trained[1], values), atol=1e-6)


def test_the_same_seed_gives_the_same_network(tmp_path: pathlib.Path) -> None:
    values, levels = rows(400)
    answers = []
    for number in range(2):
        network = model.build(SURGE, model.fit_statistics(SURGE, values), TREE.paths(), SHAPE)
        model.train(network, (values, levels), rows(100, 3), SHAPE, tmp_path / str(number))
        answers.append(model.predict(model.serving_function(network, len(SURGE)), values))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_an_interrupted_training_goes_on_from_its_last_epoch(tmp_path: pathlib.Path) -> None:
    values, levels = rows(400)

    def build() -> object:
        return model.build(SURGE, model.fit_statistics(SURGE, values), TREE.paths(), SHAPE)

    def power_cut(epoch: int, _logs: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.train(build(), (values, levels), rows(100, 3), SHAPE, tmp_path, power_cut)
    seen: list[int] = []
    model.train(build(), (values, levels), rows(100, 3), SHAPE, tmp_path, lambda epoch, _logs: seen.append(epoch))
    assert seen[0] in (2, 3)
