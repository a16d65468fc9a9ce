"""The gRPC calls, answered with TensorFlow Serving's own status codes.

NOT_FOUND for a model or version that is not served, INVALID_ARGUMENT for inputs that do not fit, FAILED_PRECONDITION
for an unknown signature, DEADLINE_EXCEEDED without computing for work whose caller has gone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from services.model_server.batching import Expired
from services.model_server.network import WrongInput
from services.model_server.shelf import END, Shelf, Version
from wayfare.runtime.logs import logger
from wayfare.runtime.metrics import EXCEPTIONS, MODEL_CALL_SECONDS, MODEL_CALLS
from wayfare.runtime.tracing import RequestSpan, exemplar

DEFAULT_SIGNATURE = "serving_default"
_NO_DEADLINE_SECONDS = 60.0
_FLOAT32 = np.dtype("<f4")
_MOST_VALUES = 1 << 24

log = logger(part="handlers")


class _Refused(Exception):
    def __init__(self, code: Any, message: str) -> None:
        super().__init__(message)
        self.code = code


class ModelServer(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """PredictionService (Predict, GetModelMetadata) and ModelService (GetModelStatus) over a shelf of versions."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def Predict(self, request: Any, context: Any) -> Any:
        """Compute the outputs of a signature."""
        return self._answer("Predict", self._predict, request, context)

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        """The signatures of a version."""
        return self._answer("GetModelMetadata", self._metadata, request, context)

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        """The state of each version of a model."""
        return self._answer("GetModelStatus", self._status, request, context)

    def _answer(self, call: str, work: Callable[[Any, Any], Any], request: Any, context: Any) -> Any:
        began = time.perf_counter()
        code: Any = grpc.StatusCode.OK
        span = RequestSpan(call, _traceparent(context))
        try:
            return work(request, context)
        except _Refused as refused:
            code, message = refused.code, str(refused)
        except WrongInput as error:
            code, message = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except tf.errors.InvalidArgumentError as error:
            code, message = grpc.StatusCode.INVALID_ARGUMENT, error.message[:300]
        except Expired:
            code, message = grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the work began"
        except Exception as error:
            EXCEPTIONS.labels(where="model_server").inc()
            log.exception("call failed", call=call)
            code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"[:300]
        finally:
            model = request.model_spec.name
            known = model if self._shelf.knows(model) else "unknown"
            MODEL_CALLS.labels(model=known, call=call, code=code.name).inc()
            MODEL_CALL_SECONDS.labels(model=known, call=call).observe(time.perf_counter() - began, exemplar())
            span.tell(
                code is not grpc.StatusCode.OK, rpc__system="grpc", rpc__grpc__status_code=code.value[0], model=known
            )
            span.end()
        return context.abort(code, message)  # raises

    def _predict(self, request: Any, context: Any) -> Any:
        remaining = context.time_remaining()
        expires = time.monotonic() + (_NO_DEADLINE_SECONDS if remaining is None else remaining)
        number, version = self._pick(request.model_spec)
        key = request.model_spec.signature_name or DEFAULT_SIGNATURE
        batcher = version.batchers.get(key)
        if batcher is None:
            raise _Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{key}" not found.')
        outputs = batcher.signature.outputs
        wanted = list(request.output_filter) or list(outputs)
        if unknown := [name for name in wanted if name not in outputs]:
            raise WrongInput(f"outputs of signature {key} are {sorted(outputs)}, got {unknown}")
        computed = batcher.run({name: _array(name, tensor) for name, tensor in request.inputs.items()}, expires)
        response = predict_pb2.PredictResponse()
        spec = response.model_spec
        spec.name, spec.version.value, spec.signature_name = request.model_spec.name, number, key
        for name in wanted:
            _fill(response.outputs[name], computed[name])
        return response

    def _metadata(self, request: Any, context: Any) -> Any:
        if list(request.metadata_field) != ["signature_def"]:
            raise WrongInput(f"metadata_field must be signature_def, got {list(request.metadata_field)}")
        number, version = self._pick(request.model_spec)
        network = version.network
        if network is None:
            raise _Refused(grpc.StatusCode.NOT_FOUND, f"version {number} was unloaded just now")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name, response.model_spec.version.value = request.model_spec.name, number
        response.metadata["signature_def"].CopyFrom(network.metadata)
        return response

    def _status(self, request: Any, context: Any) -> Any:
        name = request.model_spec.name
        states = self._shelf.states(name)
        asked = _number(request.model_spec)
        if states is not None and asked is not None:
            states = {asked: states[asked]} if asked in states else None
        if states is None:
            which = f"version {asked} of model {name}" if asked is not None else f"any versions of model {name}"
            raise _Refused(grpc.StatusCode.NOT_FOUND, f"Could not find {which}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for number, (state, error) in states.items():
            status = response.model_version_status.add(version=number, state=state)
            if error and state == END:
                status.status.error_code, status.status.error_message = 13, error
        return response

    def _pick(self, spec: Any) -> tuple[int, Version]:
        if not spec.name:
            raise WrongInput("ModelSpec has no name specified.")
        number = _number(spec)
        found = self._shelf.find(spec.name, number)
        if found is None:
            which = f"Specific({spec.name}, {number})" if number is not None else f"Latest({spec.name})"
            raise _Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {which}")
        return found


def _traceparent(context: Any) -> str | None:
    return next((value for name, value in context.invocation_metadata() or () if name == "traceparent"), None)


def _number(spec: Any) -> int | None:
    chosen = spec.WhichOneof("version_choice")
    if chosen == "version_label":  # labels live in the signed labels.json; clients resolve them to numbers
        raise WrongInput(f"Unrecognized servable version label: {spec.version_label[:64]}")
    return int(spec.version.value) if chosen == "version" else None


def _array(name: str, tensor: Any) -> np.ndarray:
    if tensor.dtype == 1 and tensor.tensor_content:  # what every caller of ours sends, at a third of the time
        sizes = [dim.size for dim in tensor.tensor_shape.dim]
        held = len(tensor.tensor_content)
        if min(sizes, default=0) < 0 or math.prod(sizes) * _FLOAT32.itemsize != held:
            raise WrongInput(f"input {name} says shape {sizes} of float32, got {held} bytes")
        return np.frombuffer(tensor.tensor_content, _FLOAT32).reshape(sizes)
    declared = math.prod(max(dim.size, 0) for dim in tensor.tensor_shape.dim)
    if declared > _MOST_VALUES:  # a few bytes can declare a tensor of any size
        raise WrongInput(f"input {name} has at most {_MOST_VALUES} values, got {declared}")
    try:
        return np.asarray(tf.make_ndarray(tensor))
    except (TypeError, ValueError, KeyError) as error:
        raise WrongInput(f"input {name} cannot be read: {error}") from error


def _fill(tensor: Any, array: np.ndarray) -> None:
    if array.dtype != _FLOAT32:
        tensor.CopyFrom(tf.make_tensor_proto(array))
        return
    tensor.dtype = 1
    for size in array.shape:
        tensor.tensor_shape.dim.add().size = size
    tensor.tensor_content = array.tobytes()
