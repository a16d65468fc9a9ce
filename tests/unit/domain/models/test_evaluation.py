import numpy as np
import pytest
from sklearn import metrics

from wayfare.domain.models import evaluation
from wayfare.domain.models.evaluation import at_least_of, decoded, evaluate, positions, reached
from wayfare.domain.pricing.surge import LEVELS, decode


def answers(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(7, n, p=[0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02])
    classes = rng.dirichlet(np.ones(7), n) + 1.5 * np.eye(7)[truth] * rng.random((n, 1))
    return truth.astype(np.int64), at_least_of(classes / classes.sum(axis=1, keepdims=True))


def test_levels_are_decoded_as_serving_decodes_them() -> None:
    _, at_least = answers(300)
    assert [LEVELS[i] for i in decoded(at_least)] == [decode(row) for row in at_least.tolist()]


def test_metrics_agree_with_scikit_learn() -> None:
    truth, at_least = answers(2_000)
    found = decoded(at_least)
    assert evaluation.accuracy(truth, at_least) == pytest.approx(metrics.accuracy_score(truth, found))
    assert evaluation.macro_f1(truth, at_least) == pytest.approx(metrics.f1_score(truth, found, average="macro"))
    np.testing.assert_array_equal(evaluation.confusion(truth, at_least), metrics.confusion_matrix(truth, found))
    for step in range(1, 7):
        expected = metrics.roc_auc_score(truth >= step, at_least[:, step])
        assert evaluation.auc_from(step)(truth, at_least) == pytest.approx(expected)
    per_step = [metrics.log_loss(truth >= step, at_least[:, step]) for step in range(1, 7)]
    assert evaluation.log_loss(truth, at_least) == pytest.approx(np.mean(per_step))


def test_ties_in_a_score_count_half() -> None:
    truth = np.array([0, 1, 0, 1])
    assert evaluation.auc(truth == 1, np.full(4, 0.3)) == 0.5


def test_the_loss_has_both_terms_so_that_ones_everywhere_is_not_optimal() -> None:
    truth = np.zeros(100, np.int64)
    ones, right = np.ones((100, 7)), np.tile(np.eye(7)[0], (100, 1))
    assert evaluation.log_loss(truth, ones) > 10 > 0.001 > evaluation.log_loss(truth, right)


def test_targets_never_increase_and_begin_with_one() -> None:
    targets = reached(np.arange(7))
    assert (targets[:, 0] == 1).all()
    assert (np.diff(targets, axis=1) <= 0).all()
    assert targets.sum(axis=1).tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_calibration_of_a_calibrated_answer_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(1)
    said = rng.random(40_000)
    truth = (rng.random(40_000) < said).astype(np.int64)
    at_least = np.column_stack([np.ones_like(said), said, *[np.zeros_like(said)] * 5])
    for part in evaluation.calibration(truth, at_least, 1):
        assert part["said"] == pytest.approx(part["seen"], abs=0.03)


def test_intervals_hold_the_value_and_are_wider_when_rows_come_in_groups() -> None:
    truth, at_least = answers(3_000)
    alone = evaluate(truth, at_least, np.arange(3_000), draws=100)["metrics"]["accuracy"]
    # Rows of a group are right or wrong together.
    order = np.argsort(decoded(at_least) == truth, kind="stable")
    together = evaluate(truth[order], at_least[order], np.arange(3_000) // 100, draws=100)["metrics"]["accuracy"]
    assert alone[1] < alone[0] < alone[2]
    assert together[2] - together[1] > 3 * (alone[2] - alone[1])


def test_a_multiplier_that_is_no_level_is_an_error() -> None:
    assert positions([1.0, 2.5]).tolist() == [0, 6]
    with pytest.raises(ValueError, match=r"1\.1"):
        positions([1.1])
