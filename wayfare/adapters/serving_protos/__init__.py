"""The messages of TensorFlow Serving without TensorFlow.

A descriptor set made from the real packages (`regenerate.py`) is loaded into a private pool, so a front end needs
neither tensorflow nor tensorflow-serving-api, and nothing clashes in a process that imports them all the same.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

PREDICT = "/tensorflow.serving.PredictionService/Predict"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}
_VALUES = {1: "float_val", 2: "double_val", 3: "int_val", 9: "int64_val"}
_LARGEST = 1 << 24


def _messages() -> tuple[Any, ...]:
    pool = descriptor_pool.DescriptorPool()
    data = pathlib.Path(__file__).with_name("serving.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    names = (
        "PredictRequest",
        "PredictResponse",
        "GetModelStatusRequest",
        "GetModelStatusResponse",
        "ModelVersionStatus",
    )
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.serving.{name}")) for name in names
    )


PredictRequest, PredictResponse, GetModelStatusRequest, GetModelStatusResponse, ModelVersionStatus = _messages()


def put_array(tensor: Any, array: NDArray[Any]) -> None:
    """Fill a TensorProto with an array of float32, float64, int32 or int64, byte for byte as TensorFlow does."""
    tensor.dtype = _NUMBERS[array.dtype]
    for size in array.shape:
        tensor.tensor_shape.dim.add().size = size
    tensor.tensor_content = np.ascontiguousarray(array).tobytes()


def get_array(tensor: Any) -> NDArray[Any]:
    """The array in a TensorProto; ValueError when its parts contradict each other or it is of another type."""
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is None:
        raise ValueError(f"a tensor of floats or integers is needed, got type number {tensor.dtype}")
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if any(size < 0 or size > _LARGEST for size in shape):
        raise ValueError(f"a tensor's sizes must be known, got {shape}")
    if tensor.tensor_content:
        whole: NDArray[Any] = np.frombuffer(tensor.tensor_content, dtype)
        return whole.reshape(shape)
    count = int(np.prod(shape, dtype=np.int64))
    values: NDArray[Any] = np.array(getattr(tensor, _VALUES[tensor.dtype]), dtype)
    if values.size > count or count > _LARGEST:
        raise ValueError(f"a tensor of shape {shape} cannot hold {values.size} values")
    if values.size < count:  # TensorFlow leaves out the repeats of the last value
        values = np.concatenate([values, np.full(count - values.size, values[-1] if values.size else 0, dtype)])
    return values.reshape(shape)
