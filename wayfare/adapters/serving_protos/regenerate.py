"""Makes `serving.binpb` from the installed tensorflow and tensorflow-serving-api packages.

`python wayfare/adapters/serving_protos/regenerate.py` writes the file; a test compares it with what the installed
packages give. TensorFlow itself is not started: its folders are put up as bare packages, so that the generated
protobuf modules load without TensorFlow's own `__init__`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import sys
import types
from typing import Any

FILE = pathlib.Path(__file__).with_name("serving.binpb")
_BARE = ("tensorflow", "tensorflow.core", "tensorflow.core.framework", "tensorflow.core.protobuf")
_MODULES = ("tensorflow_serving.apis.predict_pb2", "tensorflow_serving.apis.get_model_status_pb2")


def _bare_packages() -> None:
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise SystemExit("tensorflow is not installed; the training group brings it")
    root = pathlib.Path(spec.origin).parent.parent
    for name in _BARE:
        if name not in sys.modules:
            package = types.ModuleType(name)
            package.__path__ = [str(root.joinpath(*name.split(".")))]
            sys.modules[name] = package


def descriptor_set() -> bytes:
    """The FileDescriptorSet of the messages and all that they import, in dependency order, as deterministic bytes.

    Call it in a process of its own: it leaves bare `tensorflow` packages behind.
    """
    _bare_packages()
    from google.protobuf import descriptor_pb2

    made = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(file: Any) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for needed in file.dependencies:
            add(needed)
        file.CopyToProto(made.file.add())

    for module in _MODULES:
        add(importlib.import_module(module).DESCRIPTOR)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


if __name__ == "__main__":
    FILE.write_bytes(descriptor_set())
    sys.stdout.write(f"{FILE.name}: {FILE.stat().st_size} bytes\n")
