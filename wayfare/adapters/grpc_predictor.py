"""Asks TensorFlow Serving, or anything that speaks its PredictionService, without importing TensorFlow."""

from __future__ import annotations

import json
import os
import pathlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wayfare.adapters import serving_protos as protos
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.models.predictor import INPUT, OUTPUT, SIGNATURE_NAME, Rows, checked_answer, checked_rows

_OPTIONS = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    # A peer that vanished without a word is noticed while a call waits; idle connections are not pinged, because a
    # server counts such pings as abuse.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 0),
    # A model server that came back is found within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Its name is looked up again as soon: by gRPC's own 30 s, all servers known may have been replaced meanwhile.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)

_TRACE = TraceContextTextMapPropagator()
_ANSWERED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INTERNAL)


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of a TLS connection: the authority that signed the server's; our own, when the server asks."""

    ca_file: pathlib.Path
    certificate_file: pathlib.Path | None = None
    key_file: pathlib.Path | None = None

    def credentials(self) -> Any:
        """gRPC channel credentials; the files are read now."""
        certificate = self.certificate_file.read_bytes() if self.certificate_file else None
        key = self.key_file.read_bytes() if self.key_file else None
        return grpc.ssl_channel_credentials(self.ca_file.read_bytes(), key, certificate)


class GrpcPredictor:
    """`wayfare.domain.models.predictor.Predictor` over one gRPC channel, shared by all threads of a process.

    address: `host:port`; for several servers behind one name use `dns:///name:port`, calls go round. The channel is
    made at the first call and again in a forked child, since gRPC does not survive a fork. tls: None only on loopback.
    server_name: the name in the server's certificate when `address` is a bare number.
    """

    def __init__(self, address: str, tls: Tls | None = None, server_name: str | None = None) -> None:
        self._address = address
        named = (("grpc.ssl_target_name_override", server_name),) if tls and server_name else ()
        self._options = (*_OPTIONS, *named)
        self._tls = tls
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._channel: Any = None
        self._calls: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def predict(self, model: str, version: int, rows: Rows, timeout_s: float) -> Rows:
        """P(multiplier >= LEVELS[j]) of each row, [n, 7]; ModelUnavailable for anything else."""
        array = checked_rows(rows)
        request = protos.PredictRequest()
        spec = request.model_spec
        spec.name, spec.version.value, spec.signature_name = model, version, SIGNATURE_NAME
        protos.put_array(request.inputs[INPUT], array)
        answer = self._call(0, request, timeout_s)
        if OUTPUT not in answer.outputs:
            raise ModelUnavailable(f"the model's answer must have {OUTPUT}, got {sorted(answer.outputs)}", True)
        if answer.model_spec.version.value != version:
            raise ModelUnavailable(f"version {version} was asked, got {answer.model_spec.version.value}", True)
        try:
            values = protos.get_array(answer.outputs[OUTPUT])
        except ValueError as error:
            raise ModelUnavailable(f"the model's answer cannot be read: {error}", True) from error
        return checked_answer(values, len(array))

    def states(self, model: str, timeout_s: float) -> dict[int, str]:
        """State of each version; empty for an unknown model."""
        request = protos.GetModelStatusRequest()
        request.model_spec.name = model
        try:
            answer = self._call(1, request, timeout_s)
        except ModelUnavailable as error:
            if isinstance(error.__cause__, grpc.RpcError) and error.__cause__.code() is grpc.StatusCode.NOT_FOUND:
                return {}
            raise
        names = protos.ModelVersionStatus.State
        return {
            each.version: f"FAILED: {each.status.error_message:.300}"
            if each.status.error_code
            else names.Name(each.state)
            for each in answer.model_version_status
        }

    def close(self) -> None:
        """Close the channel; a later call opens another."""
        with self._lock:
            if self._channel is not None and self._owner == os.getpid():
                self._channel.close()
            self._channel = self._calls = self._owner = None

    def _call(self, which: int, request: Any, timeout_s: float) -> Any:
        if timeout_s <= 0:
            raise ModelUnavailable(f"no time is left to ask the model server, got {timeout_s:.3f} s")
        calls = self._calls if self._owner == os.getpid() else None
        carried: dict[str, str] = {}
        _TRACE.inject(carried)
        try:
            return (calls or self._open())[which](request, timeout=timeout_s, metadata=tuple(carried.items()))
        except grpc.RpcError as error:
            raise ModelUnavailable(
                f"the model server at {self._address} did not answer: {error.code().name} {error.details()!s:.200}",
                error.code() in _ANSWERED,
            ) from error
        except ValueError as error:  # the channel was closed while this thread was about to use it
            raise ModelUnavailable(f"the channel to {self._address} is closed: {error}") from error

    def _open(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        with self._lock:
            if self._calls is None or self._owner != os.getpid():
                if self._tls is None:
                    channel = grpc.insecure_channel(self._address, options=self._options)
                else:
                    try:
                        credentials = self._tls.credentials()
                    except OSError as error:
                        raise ModelUnavailable(f"a certificate cannot be read: {error}") from error
                    channel = grpc.secure_channel(self._address, credentials, options=self._options)
                self._channel = channel
                self._calls = (
                    channel.unary_unary(
                        protos.PREDICT,
                        request_serializer=protos.PredictRequest.SerializeToString,
                        response_deserializer=protos.PredictResponse.FromString,
                    ),
                    channel.unary_unary(
                        protos.STATUS,
                        request_serializer=protos.GetModelStatusRequest.SerializeToString,
                        response_deserializer=protos.GetModelStatusResponse.FromString,
                    ),
                )
                self._owner = os.getpid()
            return self._calls
