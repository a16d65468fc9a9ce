"""The model server process, spoken to with TensorFlow Serving's own messages and codes."""

from __future__ import annotations

import json
import shutil
import threading
import time
import uuid

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wayfare.adapters import serving_protos as protos

CODE = grpc.StatusCode


@pytest.fixture
def model() -> str:
    return f"plain-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def place(installation, networks, model):
    """Puts a SavedModel into the folder in one step, as the publisher does."""

    def placed(version: int, network: str = "right") -> None:
        staged = installation.state / f".{uuid.uuid4().hex}"
        shutil.copytree(networks / network / "saved_model", staged)
        folder = installation.models / model
        folder.mkdir(parents=True, exist_ok=True)
        staged.rename(folder / str(version))

    return placed


@pytest.fixture
def channel(installation, model_server):
    with grpc.insecure_channel(f"127.0.0.1:{installation.grpc_port}") as opened:
        yield opened


@pytest.fixture
def states(installation, model):
    return lambda: installation.predictor.states(model, 5)


def request(model, version=None, shape=(1, 5), dtype="<f4", name="features", **spec):
    made = protos.PredictRequest()
    made.model_spec.name = model
    if version is not None:
        made.model_spec.version.value = version
    for field, value in spec.items():
        setattr(made.model_spec, field, value)
    protos.put_array(made.inputs[name], np.zeros(shape, dtype))
    return made


def call(channel, made, timeout=5.0):
    return channel.unary_unary(
        protos.PREDICT,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=protos.PredictResponse.FromString,
    )(made, timeout=timeout)


def code_of(channel, made, timeout=5.0):
    try:
        call(channel, made, timeout)
    except grpc.RpcError as error:
        return error.code()
    return CODE.OK


def test_versions_appear_and_disappear_with_their_folders(installation, model, place, states, channel, until):
    place(1)
    until(lambda: states().get(1) == "AVAILABLE")
    place(2, "second")
    until(lambda: states().get(2) == "AVAILABLE")
    newest = call(channel, request(model))
    assert newest.model_spec.version.value == 2
    assert newest.model_spec.signature_name == "serving_default"
    shutil.rmtree(installation.models / model / "2")
    until(lambda: states().get(2) == "END")
    assert code_of(channel, request(model, 2)) is CODE.NOT_FOUND
    assert call(channel, request(model)).model_spec.version.value == 1
    assert call(channel, request(model, 1)).model_spec.version.value == 1


def test_wrong_requests_get_the_codes_of_tensorflow_serving(model, place, states, channel, until):
    place(7)
    until(lambda: states().get(7) == "AVAILABLE")
    filtered = request(model)
    filtered.output_filter.append("scores")
    unsized = request(model)
    unsized.inputs["features"].tensor_content = b"\0" * 7
    bomb = request(model)
    bomb.inputs["features"].tensor_content = b""
    bomb.inputs["features"].tensor_shape.dim[0].size = 1 << 40
    for made, expected in (
        (request(model), CODE.OK),
        (request(model, shape=(300, 5)), CODE.OK),
        (request("nobody"), CODE.NOT_FOUND),
        (request(model, 8), CODE.NOT_FOUND),
        (request(""), CODE.INVALID_ARGUMENT),
        (request(model, version_label="stable"), CODE.INVALID_ARGUMENT),
        (request(model, signature_name="other"), CODE.FAILED_PRECONDITION),
        (request(model, shape=(1, 4)), CODE.INVALID_ARGUMENT),
        (request(model, shape=(5,)), CODE.INVALID_ARGUMENT),
        (request(model, dtype="<f8"), CODE.INVALID_ARGUMENT),
        (request(model, dtype="<i8"), CODE.INVALID_ARGUMENT),
        (request(model, name="rows"), CODE.INVALID_ARGUMENT),
        (filtered, CODE.INVALID_ARGUMENT),
        (unsized, CODE.INVALID_ARGUMENT),
        (bomb, CODE.INVALID_ARGUMENT),
        (protos.PredictRequest(), CODE.INVALID_ARGUMENT),
    ):
        assert code_of(channel, made) is expected, str(made)[:300]


def test_a_network_that_cannot_be_frozen_answers_the_same_and_says_that_it_is_slow(
    model, place, states, channel, until, model_server
):
    place(1)
    place(2, "with_a_table")
    until(lambda: states().get(2) == "AVAILABLE")
    frozen, slow = (protos.get_array(call(channel, request(model, n)).outputs["at_least"]) for n in (1, 2))
    assert np.allclose(frozen, slow, atol=1e-6)
    counted = [line for line in model_server.metrics().splitlines() if "not_frozen_total{" in line and model in line]
    assert counted == [f'wayfare_model_server_not_frozen_total{{model="{model}",reason="run"}} 1.0']


def test_one_that_cannot_be_loaded_says_so_and_harms_no_other(installation, model, place, states, until, model_server):
    place(1)
    (installation.models / model / "2").mkdir()
    (installation.models / model / "2" / "saved_model.pb").write_bytes(b"rubbish")
    until(lambda: states().get(2, "").startswith("FAILED: "))
    assert states()[1] == "AVAILABLE"
    assert f'wayfare_model_server_versions{{model="{model}",state="failed"}} 1.0' in model_server.metrics()
    shutil.rmtree(installation.models / model / "2")
    place(2)
    until(lambda: states().get(2) == "AVAILABLE")


def test_status_metadata_and_health_are_answered(model, place, states, channel, until):
    place(5)
    until(lambda: states().get(5) == "AVAILABLE")
    asked = protos.GetModelStatusRequest()
    asked.model_spec.name = model
    asked.model_spec.version.value = 6
    status = channel.unary_unary(
        protos.STATUS,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=protos.GetModelStatusResponse.FromString,
    )
    with pytest.raises(grpc.RpcError) as caught:
        status(asked, timeout=5)
    assert caught.value.code() is CODE.NOT_FOUND
    asked.model_spec.version.value = 5
    assert [each.version for each in status(asked, timeout=5).model_version_status] == [5]

    metadata = channel.unary_unary("/tensorflow.serving.PredictionService/GetModelMetadata")
    name = model.encode()
    spec = b"\x0a" + bytes([len(name)]) + name
    wanted = b"\x0a" + bytes([len(spec)]) + spec + b"\x12\x0dsignature_def"
    raw = metadata(wanted, timeout=5)
    assert b"serving_default" in raw
    assert b"features" in raw
    assert b"at_least" in raw
    with pytest.raises(grpc.RpcError) as caught:
        metadata(wanted[: len(wanted) - 15], timeout=5)
    assert caught.value.code() is CODE.INVALID_ARGUMENT

    check = health_pb2_grpc.HealthStub(channel).Check
    for service in ("", "tensorflow.serving.PredictionService"):
        answer = check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_calls_at_the_same_time_get_their_own_answers(installation, model, place, states, until):
    place(1)
    until(lambda: states().get(1) == "AVAILABLE")
    rows = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    alone = installation.predictor.predict(model, 1, rows, 5)
    wrong = []

    def ask(start: int) -> None:
        for step in range(40):
            first = (start + step) % 60
            got = installation.predictor.predict(model, 1, rows[first : first + 1 + step % 4], 10)
            if not np.allclose(got, alone[first : first + 1 + step % 4], atol=1e-6):
                wrong.append((start, step))

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_too_many_calls_are_refused_at_once_and_sigterm_drains(installation, networks, model, until, ready, tmp_path):
    """A server of its own with one thread and room for two calls."""
    folder = tmp_path / "models" / model / "1"
    shutil.copytree(networks / "right" / "saved_model", folder)
    process = installation.run(
        "model_server",
        WAYFARE_MODELS_DIR=str(tmp_path / "models"),
        WAYFARE_GRPC_PORT="0",
        WAYFARE_REQUEST_THREADS="1",
        WAYFARE_MAX_CONCURRENT_CALLS="2",
    )
    try:
        until(lambda: ready(process.admin) is None, 240)
        lines = (installation.state / "model_server.log").read_text().splitlines()
        address = next(json.loads(line)["address"] for line in reversed(lines) if '"listening"' in line)
        codes = []
        big = request(model, shape=(100_000, 5))
        with grpc.insecure_channel(address) as channel:
            calls = [threading.Thread(target=lambda: codes.append(code_of(channel, big, 30))) for _ in range(12)]
            for thread in calls:
                thread.start()
            for thread in calls:
                thread.join()
            assert set(codes) == {CODE.OK, CODE.RESOURCE_EXHAUSTED}
            late = []
            last = threading.Thread(target=lambda: late.append(code_of(channel, big, 30)))
            last.start()
            time.sleep(0.01)
            assert process.stop() == 0
            last.join()
        assert late[0] in (CODE.OK, CODE.UNAVAILABLE)
    finally:
        process.kill()
    text = (installation.state / "model_server.log").read_text()
    assert '"stopped"' in text
    assert "oneDNN" not in text
    assert "cpu_feature_guard" not in text
