"""One session for a laptop and for a cluster: alone it keeps to this machine, under spark-submit it does as it is told."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[3]
SHOWN = (
    "spark.master",
    "spark.app.name",
    "spark.sql.session.timeZone",
    "spark.sql.shuffle.partitions",
    "spark.driver.host",
)
PROGRAM = f"""
import json, pathlib, sys
from wayfare.adapters.spark_session import spark_session
with spark_session(pathlib.Path(sys.argv[1]), "from the code", cores=1) as session:
    conf = session.sparkContext.getConf()
    found = {{name: conf.get(name) for name in {SHOWN!r}}}
    found["rows"] = session.range(10).count()
    pathlib.Path(sys.argv[2]).write_text(json.dumps(found))
"""


def run(tmp_path: pathlib.Path, *launcher: str) -> dict[str, object]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    answer = tmp_path / "answer.json"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [*launcher, str(program), str(tmp_path / "state"), str(answer)],
        env=environment, capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path,
    )  # fmt: skip
    assert answer.exists(), done.stderr[-2000:]
    found: dict[str, object] = json.loads(answer.read_text())
    return found


@pytest.mark.timeout(240)
def test_alone_it_keeps_to_this_machine(tmp_path):
    assert run(tmp_path, sys.executable) == {
        "spark.master": "local[1]", "spark.app.name": "from the code", "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2", "spark.driver.host": "127.0.0.1", "rows": 10,
    }  # fmt: skip


@pytest.mark.timeout(240)
def test_what_spark_submit_was_told_wins(tmp_path):
    submit = pathlib.Path(sys.executable).with_name("spark-submit")
    told = {"spark.sql.shuffle.partitions": "7", "spark.driver.host": "localhost"}
    options = [part for name, value in told.items() for part in ("--conf", f"{name}={value}")]
    found = run(tmp_path, str(submit), "--master", "local[2]", "--name", "from the submitter", *options)
    assert found == {
        "spark.master": "local[2]", "spark.app.name": "from the submitter", "spark.sql.session.timeZone": "UTC",
        "rows": 10, **told,
    }  # fmt: skip
