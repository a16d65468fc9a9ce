"""The messages without TensorFlow are those of the installed packages, and requests are the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.adapters import serving_protos as protos

REGENERATE = """
import sys
from wayfare.adapters.serving_protos.regenerate import FILE, descriptor_set
sys.exit(0 if descriptor_set() == FILE.read_bytes() else "serving.binpb is not what the installed packages give")
"""

SAME_BYTES = """
import numpy as np, tensorflow as tf
from tensorflow_serving.apis import predict_pb2, get_model_status_pb2
from wayfare.adapters import serving_protos as protos
for array in (
    np.random.default_rng(0).random((3, 5), dtype="f4"),
    np.float32([[np.nan, -0.0]]),
    np.arange(6.0).reshape(2, 3),
    np.arange(4, dtype=np.int64),
    np.int32([[1], [2]]),
):
    ours, theirs = protos.PredictRequest(), predict_pb2.PredictRequest()
    for request in (ours, theirs):
        request.model_spec.name = "surge-sf"
        request.model_spec.version.value = 20261121003
        request.model_spec.signature_name = "serving_default"
    protos.put_array(ours.inputs["features"], array)
    theirs.inputs["features"].CopyFrom(tf.make_tensor_proto(array))
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True), array
    for tensor in (tf.make_tensor_proto(array), tf.make_tensor_proto(np.full((4, 2), 0.25, np.float32))):
        answer = predict_pb2.PredictResponse()
        answer.outputs["at_least"].CopyFrom(tensor)
        read = protos.get_array(protos.PredictResponse.FromString(answer.SerializeToString()).outputs["at_least"])
        assert np.array_equal(read, tf.make_ndarray(tensor), equal_nan=True)
status = get_model_status_pb2.GetModelStatusResponse()
status.model_version_status.add(version=3, state=30)
assert protos.GetModelStatusResponse.FromString(status.SerializeToString()).model_version_status[0].state == 30
"""

NO_TENSORFLOW = """
import sys
import wayfare.adapters.grpc_predictor
bad = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "tensorflow_serving", "keras")]
sys.exit(f"imported: {bad[:3]}" if bad else 0)
"""


def run(code: str) -> None:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | quiet
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_descriptor_set_is_what_the_installed_packages_give():
    run(REGENERATE)


def test_requests_are_byte_for_byte_those_of_tensorflow():
    run(SAME_BYTES)


def test_a_front_end_imports_no_tensorflow():
    run(NO_TENSORFLOW)


@given(
    st.sampled_from(["<f4", "<f8", "<i4", "<i8"]),
    st.lists(st.integers(0, 5), max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_an_array_is_read_back_as_it_was_put(dtype, shape, seed):
    array = np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)
    tensor = protos.PredictRequest().inputs["x"]
    protos.put_array(tensor, array)
    read = protos.get_array(tensor)
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)


@pytest.mark.parametrize(
    ("kind", "sizes", "content", "values"),
    [
        (7, [1], b"", []),
        (0, [1], b"", []),
        (1, [-1], b"", [1.0]),
        (1, [2], b"\0" * 7, []),
        (1, [1], b"", [1.0, 2.0]),
        (1, [1 << 40], b"", [1.0]),
        (1, [1 << 20, 1 << 20], b"", [1.0]),
    ],
)
def test_a_tensor_whose_parts_contradict_each_other_is_refused(kind, sizes, content, values):
    tensor = protos.PredictRequest().inputs["x"]
    tensor.dtype = kind
    for size in sizes:
        tensor.tensor_shape.dim.add().size = size
    tensor.tensor_content = content
    tensor.float_val.extend(values)
    with pytest.raises(ValueError, match="tensor|reshape|buffer"):
        protos.get_array(tensor)
