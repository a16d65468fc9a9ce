"""A front end that calls a model server: memory and start-up against one that imports tensorflow_serving's own modules.

Each side is a fresh process that imports what it needs, builds one PredictRequest of 30 features and exits; the sides take
turns. A ratio is peer over ours, so 5 means that ours needs a fifth. Memory is the most that was ever resident.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

_TELL = """
import json, re
# Not getrusage: its maximum is inherited from the parent over fork and exec.
most_kib = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
print(json.dumps({"bytes": len(data), "mib": int(most_kib) / 1024}))
"""

OURS = (
    """
import numpy as np
from wayfare.adapters import grpc_predictor, serving_protos as protos
predictor = grpc_predictor.GrpcPredictor("127.0.0.1:1")
request = protos.PredictRequest()
request.model_spec.name, request.model_spec.version.value = "surge-sim", 20261121001
protos.put_array(request.inputs["features"], np.zeros((1, 30), np.float32))
data = request.SerializeToString()
"""
    + _TELL
)

PEER = (
    """
import grpc, numpy as np
from tensorflow import make_tensor_proto
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel("127.0.0.1:1"))
request = predict_pb2.PredictRequest()
request.model_spec.name, request.model_spec.version.value = "surge-sim", 20261121001
request.inputs["features"].CopyFrom(make_tensor_proto(np.zeros((1, 30), np.float32)))
data = request.SerializeToString()
"""
    + _TELL
)


def _once(code: str) -> tuple[float, float, int]:
    """Seconds from start to exit, MiB, and the size of the request."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return time.perf_counter() - began, float(told["mib"]), int(told["bytes"])


def run(quick: bool) -> dict[str, object]:
    """Ratios of start-up time; ratios of memory and the figures behind them beside it."""
    for code in (OURS, PEER):
        _once(code)  # byte code and the file cache
    ours, peer = [], []
    for _ in range(3 if quick else 9):
        ours.append(_once(OURS))
        peer.append(_once(PEER))
    if ours[0][2] != peer[0][2]:
        raise RuntimeError(f"both sides must build the same request, got {ours[0][2]} and {peer[0][2]} bytes")
    memory = [theirs[1] / mine[1] for mine, theirs in zip(ours, peer, strict=True)]
    return {
        "name": "serving_import",
        "what": "start-up of a front end that calls a model server",
        "peer": "import tensorflow_serving.apis",
        "ratios": [theirs[0] / mine[0] for mine, theirs in zip(ours, peer, strict=True)],
        "aim": "at least 5 (a fifth of the time and of the memory)",
        "figures": {
            "memory_ratio_median": statistics.median(memory),
            "memory_ratio_least": min(memory),
            "memory_ratio_most": max(memory),
            "ours_s": statistics.median(each[0] for each in ours),
            "peer_s": statistics.median(each[0] for each in peer),
            "ours_mib": statistics.median(each[1] for each in ours),
            "peer_mib": statistics.median(each[1] for each in peer),
        },
    }
