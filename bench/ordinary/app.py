"""The smallest front end that can ask a model server."""

import grpc
from flask import Flask
from tensorflow import make_tensor_proto  # noqa: F401  # what every example of this interface imports
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: F401  # the same

app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"status": "ok", "grpc": grpc.__version__}
