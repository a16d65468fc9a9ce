"""What every predictor promises: the memory twin, and gRPC to a server that can be told to answer rubbish."""

from __future__ import annotations

import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest

from wayfare.adapters import serving_protos as protos
from wayfare.adapters.grpc_predictor import GrpcPredictor
from wayfare.adapters.memory_predictor import MemoryPredictor
from wayfare.domain.errors import ModelUnavailable

ROWS = np.array([[1.0, np.nan], [2.0, 0.0], [3.0, -1.0]], np.float32)
FALLING = np.array([1.0, 0.9, 0.62, 0.31, 0.12, 0.05, 0.01], np.float32)
MODEL, VERSION = "surge-sf", 20261121003


def falling(rows: np.ndarray) -> np.ndarray:
    return np.tile(FALLING, (len(rows), 1)) / rows[:, :1]


class FakeServer(grpc.GenericRpcHandler):
    """PredictionService and ModelService over a function; nothing of TensorFlow in it."""

    def __init__(self) -> None:
        self.network = falling
        self.takes_s = 0.0
        self.raw_answer: bytes | None = None
        self.answers_version = VERSION
        self.peers: set[str] = set()
        self.server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details):
        if details.method == protos.PREDICT:
            return grpc.unary_unary_rpc_method_handler(
                self.predict, protos.PredictRequest.FromString, lambda answer: answer
            )
        return grpc.unary_unary_rpc_method_handler(
            self.status, protos.GetModelStatusRequest.FromString, protos.GetModelStatusResponse.SerializeToString
        )

    def predict(self, request, context):
        self.peers.add(context.peer())
        time.sleep(self.takes_s)
        if (request.model_spec.name, request.model_spec.version.value) != (MODEL, VERSION):
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
        if self.raw_answer is not None:
            return self.raw_answer
        answer = protos.PredictResponse()
        answer.model_spec.version.value = self.answers_version
        values = self.network(protos.get_array(request.inputs["features"]))
        protos.put_array(answer.outputs["at_least"], np.asarray(values))
        return answer.SerializeToString()

    def status(self, request, context):
        if request.model_spec.name != MODEL:
            context.abort(grpc.StatusCode.NOT_FOUND, "Could not find any versions of model")
        answer = protos.GetModelStatusResponse()
        answer.model_version_status.add(version=VERSION, state=30)
        return answer


class Grpc:
    def __init__(self) -> None:
        self.fake = FakeServer()
        self.predictor = GrpcPredictor(f"127.0.0.1:{self.fake.port}")

    def network(self, function) -> None:
        self.fake.network = function

    def slow(self, seconds: float) -> None:
        self.fake.takes_s = seconds

    def down(self) -> None:
        self.fake.server.stop(0).wait()

    def close(self) -> None:
        self.predictor.close()
        self.fake.server.stop(0).wait()


class Memory:
    def __init__(self) -> None:
        self.predictor = MemoryPredictor({(MODEL, VERSION): falling})

    def network(self, function) -> None:
        self.predictor.networks[MODEL, VERSION] = function

    def slow(self, seconds: float) -> None:
        self.predictor.takes_s = seconds

    def down(self) -> None:
        self.predictor.fault = "the model server is down on purpose"

    def close(self) -> None:
        pass


@pytest.fixture(params=[Memory, Grpc])
def served(request):
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def over_grpc():
    made = Grpc()
    yield made
    made.close()


def refused(served, answered: bool, rows=ROWS, model=MODEL, version=VERSION, timeout_s=5.0) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        served.predictor.predict(model, version, rows, timeout_s)
    assert caught.value.answered is answered, caught.value
    return str(caught.value)


def test_rows_are_answered_in_order(served):
    answer = served.predictor.predict(MODEL, VERSION, ROWS, 5.0)
    assert answer.shape == (3, 7)
    assert np.allclose(answer, FALLING / np.array([[1], [2], [3]]))


def test_missing_values_reach_the_server_as_nan(served):
    seen = []
    served.network(lambda rows: (seen.append(rows.copy()), falling(rows))[1])
    served.predictor.predict(MODEL, VERSION, ROWS, 5.0)
    assert np.isnan(seen[0][0, 1])
    assert seen[0].dtype == np.float32


def test_an_unknown_model_or_version_is_unavailable(served):
    refused(served, False, model="surge-zz")
    refused(served, False, version=VERSION + 1)


def test_a_server_that_is_down_is_unavailable(served):
    served.down()
    refused(served, False)


def test_a_slow_server_is_unavailable_within_the_limit(served):
    served.slow(2.0)
    began = time.monotonic()
    refused(served, False, timeout_s=0.1)
    assert time.monotonic() - began < 1.0


def test_no_time_left_is_unavailable_at_once(served):
    refused(served, False, timeout_s=0.0)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda a: np.where(np.arange(7) == 3, np.nan, a), "not finite"),
        (lambda a: np.where(np.arange(7) == 3, np.inf, a), "not finite"),
        (lambda a: a + 0.5, "outside 0 to 1"),
        (lambda a: a - 0.5, "outside 0 to 1"),
        (lambda a: a[:, ::-1], "never increase"),
        (lambda a: a[:, :6], "must answer"),
        (lambda a: a[:1], "must answer"),
        (lambda a: a.reshape(-1), "must answer"),
        (lambda a: a.astype(np.int64), "must answer"),
    ],
)
def test_rubbish_is_refused_and_counts_as_an_answer(served, spoil, says):
    served.network(lambda rows: spoil(falling(rows)))
    assert says in refused(served, True)


def test_rounding_in_the_last_bit_is_levelled(served):
    served.network(lambda rows: np.tile(np.float32([1, 0.5, 0.5 + 6e-8, 0.5, 0.1, 0.1, 0]), (len(rows), 1)))
    answer = served.predictor.predict(MODEL, VERSION, ROWS, 5.0)
    assert (np.diff(answer, axis=1) <= 0).all()


def test_rows_of_a_wrong_shape_are_a_mistake_of_the_caller(served):
    for rows in (np.zeros(3, np.float32), np.zeros((0, 3), np.float32), np.zeros((1, 2, 3), np.float32)):
        with pytest.raises(ValueError, match="rows are"):
            served.predictor.predict(MODEL, VERSION, rows, 5.0)


def test_states_tell_what_is_available(served):
    assert served.predictor.states(MODEL, 5.0) == {VERSION: "AVAILABLE"}
    assert served.predictor.states("surge-zz", 5.0) == {}
    served.down()
    with pytest.raises(ModelUnavailable):
        served.predictor.states(MODEL, 1.0)


def test_an_answer_by_another_version_is_refused(over_grpc):
    over_grpc.fake.answers_version = VERSION - 1
    assert "version" in refused(over_grpc, True)


@pytest.mark.parametrize("raw", [b"", b"\xff\xff\xff", b"not a message"])
def test_bytes_that_are_no_answer_are_refused(over_grpc, raw):
    over_grpc.fake.raw_answer = raw
    with pytest.raises(ModelUnavailable):
        over_grpc.predictor.predict(MODEL, VERSION, ROWS, 5.0)


def test_a_tensor_that_contradicts_itself_is_refused(over_grpc):
    answer = protos.PredictResponse()
    answer.model_spec.version.value = VERSION
    protos.put_array(answer.outputs["at_least"], falling(ROWS))
    answer.outputs["at_least"].tensor_content = b"\0" * 5
    over_grpc.fake.raw_answer = answer.SerializeToString()
    assert "cannot be read" in refused(over_grpc, True)


def test_a_server_that_comes_back_is_used_again(over_grpc):
    over_grpc.predictor.predict(MODEL, VERSION, ROWS, 5.0)
    port = over_grpc.fake.port
    over_grpc.down()
    refused(over_grpc, False, timeout_s=0.5)
    fake = over_grpc.fake
    fake.server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(fake,))
    assert fake.server.add_insecure_port(f"127.0.0.1:{port}") == port
    fake.server.start()
    deadline = time.monotonic() + 10
    while True:
        try:
            over_grpc.predictor.predict(MODEL, VERSION, ROWS, 1.0)
            break
        except ModelUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_one_connection_is_shared_by_all_threads(over_grpc):
    failures = []

    def ask() -> None:
        try:
            for _ in range(20):
                over_grpc.predictor.predict(MODEL, VERSION, ROWS, 5.0)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(over_grpc.fake.peers) == 1


def test_nothing_is_opened_before_the_first_call():
    assert GrpcPredictor("127.0.0.1:1")._channel is None
