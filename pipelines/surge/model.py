"""The surge network: ordinal over seven levels, from raw features to `at_least`, encoding included.

Input `features` float32 [n, f] is raw: NaN is missing, nothing is scaled. The encoding lives in the graph, so scaling
can never differ between training and serving. Numbers are standardised by the training part's mean and deviation,
plain and as log(1 + x) where they are never negative, beside an indicator of missing; hours go on a circle; weekdays
and kinds of places are one-hot; a leaf of the quad-tree is the sum of embeddings of the nodes on its path to the root,
so a parent learns from all its leaves and can answer for one that was never seen.

The head is an ordered cumulative link (McCullagh, Regression Models for Ordinal Data, 1980; CORAL, Cao, Mirjalili,
Raschka, 2020): one score per row and six thresholds that ascend by construction, so the seven outputs never increase.
The loss is binary cross-entropy with both terms on each of the six informative thresholds: without the second term,
predicting ones everywhere would be optimal whatever the labels.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import tensorflow as tf

from wayfare.domain.features.inputs import PLACE_KINDS
from wayfare.domain.features.sets import Feature
from wayfare.domain.models.evaluation import reached
from wayfare.domain.pricing.surge import LEVELS

CLIP = 6.0
"""Standardised numbers are clipped here: one absurd input must not decide alone."""
EMBEDDING = 6
CATEGORIES = {"weekday": 7, "place_kind": len(PLACE_KINDS)}


def fit_statistics(features: Sequence[Feature], values: np.ndarray) -> dict[str, dict[str, Any]]:
    """Statistics of the training part that the encoding uses. values: float64 [rows, features], NaN missing.

    mean and sd are null for a feature that was never there or never varied: the network does not use it.
    """
    fitted = {}
    for column, feature in enumerate(features):
        known = values[~np.isnan(values[:, column]), column]
        fitted[feature.name] = {"missing": float(np.isnan(values[:, column]).mean()) if len(values) else None}
        if feature.kind == "number":
            fitted[feature.name] |= _scale(known, "mean", "sd")
            never_negative = len(known) > 0 and known.min() >= 0
            fitted[feature.name] |= _scale(np.log1p(known) if never_negative else known[:0], "log_mean", "log_sd")
    return fitted


def _scale(known: np.ndarray, mean: str, sd: str) -> dict[str, float | None]:
    if len(known) == 0 or known.std() <= 1e-9 * max(1.0, abs(known.mean())):
        return {mean: None, sd: None}
    return {mean: float(known.mean()), sd: float(known.std())}


@keras.saving.register_keras_serializable("wayfare")
class Encode(keras.layers.Layer):
    """Raw features to network inputs. statistics: of `fit_statistics`; kinds: of each column; paths: of the quad-tree."""

    def __init__(
        self,
        kinds: Sequence[str],
        statistics: Sequence[Mapping[str, Any]],
        paths: Sequence[Sequence[int]],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.kinds, self.statistics, self.paths = list(kinds), list(statistics), [list(path) for path in paths]

    def get_config(self) -> dict[str, Any]:
        """What builds an equal layer."""
        return {**super().get_config(), "kinds": self.kinds, "statistics": self.statistics, "paths": self.paths}

    def build(self, input_shape: Any) -> None:
        """Make the table of embeddings: row 0 stands for no node."""
        self._table = self.add_weight(
            shape=(len(self.paths) + 1, EMBEDDING),
            initializer=keras.initializers.RandomNormal(stddev=0.05),
            regularizer=keras.regularizers.L2(1e-4),
            name="nodes",
        )
        self._rows = tf.constant(np.asarray(self.paths, np.int32) + 1)

    def call(self, features: Any) -> Any:
        """float32 [n, f] to float32 [n, encoded]."""
        parts = []
        for column, (kind, statistics) in enumerate(zip(self.kinds, self.statistics, strict=True)):
            value = features[:, column]
            missing = tf.math.is_nan(value)
            known = tf.where(missing, tf.zeros_like(value), value)
            if kind == "number":
                parts += self._number(known, missing, statistics)
            elif kind == "hour":
                angle = known * (2.0 * math.pi / 24.0)
                waves = [function(angle * k) for k in (1.0, 2.0) for function in (tf.sin, tf.cos)]
                parts += [tf.where(missing, tf.zeros_like(value), wave)[:, None] for wave in waves]
            elif kind == "leaf":
                node = tf.clip_by_value(tf.cast(known, tf.int32), 0, len(self.paths) - 1)
                rows = tf.gather(self._rows, node)
                held = tf.cast(rows > 0, tf.float32)[:, :, None]
                parts.append(tf.reduce_sum(tf.gather(self._table, rows) * held, axis=1))
            else:
                # Position -1 has no column: missing is all zeros.
                position = tf.where(missing, -tf.ones_like(value), value)
                parts.append(tf.one_hot(tf.cast(position, tf.int32), CATEGORIES[kind]))
        return tf.concat(parts, axis=1)

    @staticmethod
    def _number(known: Any, missing: Any, statistics: Mapping[str, Any]) -> list[Any]:
        parts = []
        scales = (("mean", "sd", known), ("log_mean", "log_sd", tf.math.log1p(tf.maximum(known, 0.0))))
        for mean, sd, value in scales:
            if statistics[mean] is not None:
                scaled = tf.clip_by_value((value - statistics[mean]) / statistics[sd], -CLIP, CLIP)
                parts.append(tf.where(missing, tf.zeros_like(known), scaled)[:, None])
        # An indicator that never varied in training would be noise when it does in serving.
        if 0.0 < statistics["missing"] < 1.0:
            parts.append(tf.cast(missing, tf.float32)[:, None])
        return parts


@keras.saving.register_keras_serializable("wayfare")
class OrderedThresholds(keras.layers.Layer):
    """One score [n, 1] to six logits that never increase: score minus thresholds that ascend by positive steps."""

    def build(self, input_shape: Any) -> None:
        """Thresholds begin evenly spaced."""
        self._first = self.add_weight(shape=(1,), initializer="zeros", name="first")
        self._steps = self.add_weight(shape=(len(LEVELS) - 2,), initializer="zeros", name="steps")

    def call(self, score: Any) -> Any:
        """Logits of reaching each level above the first, float32 [n, 6]."""
        steps = tf.nn.softplus(self._steps)
        return score - tf.concat([self._first, self._first + tf.cumsum(steps)], axis=0)


@dataclass(frozen=True)
class Shape:
    """Sizes of the network and of its training."""

    hidden_units: tuple[int, ...]
    dropout: float
    learning_rate: float
    batch_size: int
    epochs: int
    seed: int


def build(
    features: Sequence[Feature], statistics: Mapping[str, Mapping[str, Any]], paths: np.ndarray, shape: Shape
) -> Any:
    """The untrained network: raw features to six logits."""
    keras.utils.set_random_seed(shape.seed)
    raw = keras.Input((len(features),), name="features", dtype="float32")
    kinds = [feature.kind for feature in features]
    hidden = Encode(kinds, [statistics[feature.name] for feature in features], paths.tolist(), name="encode")(raw)
    for units in shape.hidden_units:
        hidden = keras.layers.Dense(units, use_bias=False)(hidden)
        hidden = keras.layers.BatchNormalization()(hidden)
        hidden = keras.layers.ReLU()(hidden)
        hidden = keras.layers.Dropout(shape.dropout)(hidden)
    logits = OrderedThresholds(name="thresholds")(keras.layers.Dense(1, use_bias=False, name="score")(hidden))
    return keras.Model(raw, logits, name="surge")


def loss(targets: Any, logits: Any) -> Any:
    """Binary cross-entropy with both terms, mean over rows and the six thresholds."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(targets, tf.float32), logits=logits))


def train(
    model: Any,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    shape: Shape,
    checkpoints: pathlib.Path,
    epoch_done: Any = None,
) -> dict[str, Any]:
    """Fit by Adam with early stopping on the validation part; (features, positions of levels) each.

    An interrupted training goes on from the last epoch in `checkpoints`. Returns the history, a list per quantity.
    """
    targets, validation_targets = (reached(truth)[:, 1:].astype(np.float32) for _, truth in (training, validation))
    model.compile(optimizer=keras.optimizers.Adam(shape.learning_rate), loss=loss)
    checkpoints.mkdir(parents=True, exist_ok=True)
    callbacks = [
        keras.callbacks.BackupAndRestore(str(checkpoints)),
        keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.4),
        keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True, start_from_epoch=2),
    ]
    if epoch_done:
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=epoch_done))
    done = model.fit(
        training[0].astype(np.float32),
        targets,
        validation_data=(validation[0].astype(np.float32), validation_targets),
        batch_size=shape.batch_size,
        epochs=shape.epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in done.history.items()}


def serving_function(model: Any, features: int) -> Any:
    """The signature `serving_default`: `features` float32 [n, f] to `at_least` float32 [n, 7]."""

    @tf.function(input_signature=[tf.TensorSpec([None, features], tf.float32, name="features")])
    def serve(features: Any) -> dict[str, Any]:
        probabilities = tf.unstack(tf.sigmoid(model(features, training=False)), axis=1)
        # Rounding of the sigmoid must not make an output larger than the one before it.
        at_least = [tf.ones_like(probabilities[0])]
        for probability in probabilities:
            at_least.append(tf.minimum(probability, at_least[-1]))
        return {"at_least": tf.stack(at_least, axis=1)}

    return serve


def predict(serve: Any, values: np.ndarray) -> np.ndarray:
    """`at_least` float64 [n, 7] of raw features, by the very function that is exported."""
    return np.asarray(serve(tf.constant(values.astype(np.float32)))["at_least"].numpy(), np.float64)


def export(model: Any, serve: Any, folder: pathlib.Path) -> None:
    """Write the SavedModel."""
    tf.saved_model.save(model, str(folder), signatures={"serving_default": serve})
