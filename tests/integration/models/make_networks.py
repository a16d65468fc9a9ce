"""Saves the networks of the tests: one that is right, and one for each way of being wrong. Run in its own process."""

import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import json

import keras
import numpy as np
import tensorflow as tf

FEATURES = 5


def network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    features = keras.Input((FEATURES,), name="features")
    known = keras.ops.where(keras.ops.isnan(features), keras.ops.zeros_like(features), features)
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(16, "relu")(known))
    score = keras.layers.Dense(1)(hidden)
    return keras.Model(features, keras.ops.sigmoid(score - keras.ops.arange(7, dtype="float32")))


def save(root: pathlib.Path, name: str, model: keras.Model, change, table=None) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, FEATURES], tf.float32, name="features")])
    def serve(features):
        return {"at_least": change(model(features, training=False))}

    folder = root / name
    whole = tf.Module()
    whole.model, whole.table = model, table
    tf.saved_model.save(whole, str(folder / "saved_model"), signatures={"serving_default": serve})
    rows = np.random.default_rng(3).normal(size=(9, FEATURES)).astype(np.float32)
    rows[4, 2] = np.nan
    answers = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"](features=tf.constant(rows))
    golden = [
        {
            "request": {},
            "context": {},
            "features": [None if np.isnan(value) else float(value) for value in row],
            "at_least": [float(value) for value in answer],
        }
        for row, answer in zip(rows, answers["at_least"].numpy(), strict=True)
    ]
    (folder / "golden.json").write_text(json.dumps(golden))


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    right = network(1)
    save(root, "right", right, lambda answer: answer)
    save(root, "second", network(2), lambda answer: answer)
    save(root, "not_finite", right, lambda answer: answer + np.float32("nan"))
    save(root, "three_outputs", right, lambda answer: answer[:, :3])
    save(root, "increasing", right, lambda answer: tf.reverse(answer, [1]))
    ones = tf.lookup.KeyValueTensorInitializer(tf.constant([0], tf.int64), tf.constant([1.0]))
    table = tf.lookup.StaticHashTable(ones, 0.0)
    save(root, "with_a_table", right, lambda answer: answer * table.lookup(tf.constant(0, tf.int64)), table)
    save(root, "above_one", right, lambda answer: answer + 1.0)


if __name__ == "__main__":
    main()
