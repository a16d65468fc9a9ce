"""One loaded version: its signatures as functions of NumPy arrays.

A signature is frozen (variables become constants) and run by a TensorFlow session, which for one row takes less than
half the time of calling the loaded function. The frozen form is used only when it gives the loaded function's own
answer during warm-up; a signature that cannot be frozen (tables, for example) is called as it was loaded, and says why.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import any_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow_serving.apis import get_model_metadata_pb2

Arrays = dict[str, np.ndarray]

_CONVERSION_ERRORS = (ValueError, KeyError, TypeError, RuntimeError)
"""What TensorFlow's conversion raises, beside its own errors, for functions that it cannot convert."""


class WrongInput(Exception):
    """The request does not fit the signature (gRPC INVALID_ARGUMENT)."""


class CannotFreeze(Exception):
    """reason: one word fit for a metric's label: `conversion`, `run` (the frozen form fails), `answer` (it differs)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Signature:
    """A named function of a version. inputs, outputs: name -> TensorSpec. not_frozen: why it is called as it was loaded."""

    def __init__(self, key: str, function: Any, intra_op_threads: int, inter_op_threads: int) -> None:
        self.key = key
        self.inputs: Mapping[str, Any] = function.structured_input_signature[1]
        self.outputs: Mapping[str, Any] = function.structured_outputs
        self.batchable = all(
            spec.shape.rank and spec.shape[0] is None and all(size is not None for size in spec.shape[1:])
            for spec in (*self.inputs.values(), *self.outputs.values())
        )
        self._run = self._loaded(function)
        sample = {name: _sample(spec) for name, spec in self.inputs.items()}
        expected = self._run(sample)
        self.not_frozen: CannotFreeze | None = None
        try:
            frozen = _frozen(function, list(self.inputs), list(self.outputs), intra_op_threads, inter_op_threads)
            _check_same(frozen, sample, expected)
            self._run = frozen
        except CannotFreeze as error:
            self.not_frozen = error
        for _ in range(3):
            self._run(sample)

    def _loaded(self, function: Any) -> Callable[[Arrays], Arrays]:
        def run(inputs: Arrays) -> Arrays:
            outputs = function(**{name: tf.constant(array) for name, array in inputs.items()})
            return {name: tensor.numpy() for name, tensor in outputs.items()}

        return run

    def check(self, inputs: Arrays) -> int:
        """The number of rows (0 when rows mean nothing here); WrongInput when names, types or shapes do not fit."""
        if inputs.keys() != self.inputs.keys():
            raise WrongInput(f"inputs of signature {self.key} are {sorted(self.inputs)}, got {sorted(inputs)}")
        for name, spec in self.inputs.items():
            array = inputs[name]
            if array.dtype != spec.dtype.as_numpy_dtype:
                raise WrongInput(f"input {name} is {spec.dtype.name}, got {array.dtype}")
            if not spec.shape.is_compatible_with(array.shape):
                raise WrongInput(f"input {name} has shape {spec.shape}, got {array.shape}")
        rows = {array.shape[0] for array in inputs.values()} if self.batchable else {0}
        if len(rows) != 1:
            raise WrongInput(f"inputs must have the same number of rows, got {sorted(rows)}")
        return rows.pop()

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs; checked inputs only."""
        return self._run(inputs)


class Network:
    """A SavedModel in memory. Building one loads, freezes and warms up; any failure is raised."""

    def __init__(self, folder: pathlib.Path, intra_op_threads: int, inter_op_threads: int) -> None:
        self._kept = tf.saved_model.load(str(folder))  # signatures hold weak references to what they use
        self.signatures = {
            key: Signature(key, function, intra_op_threads, inter_op_threads)
            for key, function in self._kept.signatures.items()
        }
        if not self.signatures:
            raise ValueError(f"a SavedModel must have a signature, got none in {folder}")
        self.metadata = _metadata(folder)


def _sample(spec: Any) -> np.ndarray:
    """Three rows: of zeros, of halves, of nothing (NaN); of zeros where the type or shape knows no such thing."""
    first = spec.shape.rank and spec.shape[0] is None
    shape = [(3 if first and axis == 0 else 1) if size is None else size for axis, size in enumerate(spec.shape)]
    if spec.dtype == tf.string:
        return np.full(shape, b"", dtype=object)
    sample = np.zeros(shape, spec.dtype.as_numpy_dtype)
    if first and sample.dtype.kind == "f":
        sample[1], sample[2] = 0.5, np.nan
    return sample


def _frozen(
    function: Any, inputs: list[str], outputs: list[str], intra_op_threads: int, inter_op_threads: int
) -> Callable[[Arrays], Arrays]:
    try:
        frozen = convert_variables_to_constants_v2(function)
        feeds = {tensor.name.split(":")[0].removeprefix(f"{function.name}_"): tensor.name for tensor in frozen.inputs}
        order = [feeds[name] for name in inputs]
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(frozen.graph.as_graph_def(), name="")
        options = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=intra_op_threads,
            inter_op_parallelism_threads=inter_op_threads,
            use_per_session_threads=True,
        )
        session = tf.compat.v1.Session(graph=graph, config=options)
        call = session.make_callable([tensor.name for tensor in frozen.outputs], feed_list=order)
    except (tf.errors.OpError, *_CONVERSION_ERRORS) as error:
        raise CannotFreeze("conversion", f"{type(error).__name__}: {error}"[:300]) from error
    # A frozen function gives its outputs in the order of their sorted names, as tf.nest flattens them.
    names = sorted(outputs)
    if len(names) != len(frozen.outputs):
        raise CannotFreeze("conversion", f"frozen it must have outputs {names}, got {len(frozen.outputs)} of them")
    return lambda arrays: dict(zip(names, call(*(arrays[name] for name in inputs)), strict=True))


def _check_same(run: Callable[[Arrays], Arrays], sample: Arrays, expected: Arrays) -> None:
    """CannotFreeze unless the frozen form answers the sample as the loaded one did."""
    try:
        got = run(sample)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise CannotFreeze("run", f"{type(error).__name__}: {error}"[:300]) from error
    for name, wanted in expected.items():
        array = got[name]
        same = (
            array.dtype == wanted.dtype
            and array.shape == wanted.shape
            and (
                np.allclose(array, wanted, rtol=1e-5, atol=1e-6, equal_nan=True)
                if array.dtype.kind == "f"
                else np.array_equal(array, wanted)
            )
        )
        if not same:
            raise CannotFreeze("answer", f"output {name} is {wanted.ravel()[:4]} when loaded, got {array.ravel()[:4]}")


def _metadata(folder: pathlib.Path) -> any_pb2.Any:
    """The signature definitions as they are in the file, packed as GetModelMetadata answers them."""
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graphs: list[meta_graph_pb2.MetaGraphDef] = [g for g in saved.meta_graphs if "serve" in g.meta_info_def.tags]
    found = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in graphs[0].signature_def.items():
        if not key.startswith("__"):
            found.signature_def[key].CopyFrom(definition)
    packed = any_pb2.Any()
    packed.Pack(found)
    return packed
