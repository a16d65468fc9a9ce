"""The images with Spark: alone on one machine, and as the driver and executor that Spark on Kubernetes starts."""

from __future__ import annotations

import pytest

from tests.deploy.images.conftest import built

_JOB = """
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
print("rows", session.range(1000).selectExpr("sum(id) as s").first().s, session.sparkContext.master)
session.range(4).rdd.map(lambda row: row.id).sum()
session.stop()
"""


@pytest.fixture(params=["spark", "trainer"])
def spark(engine, request):
    built(engine, request.param)
    return request.param


def test_a_job_runs_by_itself_on_a_read_only_root(engine, spark):
    alone = _JOB.replace("builder.", "builder.master('local[1]').config('spark.ui.enabled', 'false').")
    done = engine.run(spark, "python", "-c", alone)
    assert "rows 499500 local[1]" in done.stdout


def test_driver_submits_an_application_as_spark_on_kubernetes_asks_for_it(engine, spark, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "job.py").write_text(_JOB)
    (tmp_path / "spark.properties").write_text("spark.master=local[1]\nspark.ui.enabled=false\n")
    mounts = (f"--volume={tmp_path}:/opt/spark/conf:ro", "--env=SPARK_DRIVER_BIND_ADDRESS=127.0.0.1")
    arguments = (
        "--properties-file",
        "/opt/spark/conf/spark.properties",
        "--class",
        "org.apache.spark.deploy.PythonRunner",
    )
    done = engine.run(spark, "driver", *arguments, "local:///opt/spark/conf/job.py", options=mounts)
    assert "rows 499500 local[1]" in done.stdout


def test_executor_looks_for_the_driver_that_it_is_told(engine, spark):
    told = {
        "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@127.0.0.1:1",
        "SPARK_EXECUTOR_ID": "7",
        "SPARK_EXECUTOR_CORES": "1",
        "SPARK_EXECUTOR_MEMORY": "256m",
        "SPARK_APPLICATION_ID": "app-1",
        "SPARK_EXECUTOR_POD_IP": "127.0.0.1",
        "SPARK_EXECUTOR_POD_NAME": "pod-7",
        "SPARK_RESOURCE_PROFILE_ID": "0",
        # Were an option split at its blank, Java would take the second part for the class to run.
        "SPARK_JAVA_OPT_0": "-Dspark.app.name=a name",
        "SPARK_JAVA_OPT_1": "-Dspark.network.timeout=5s",
        "SPARK_JAVA_OPT_2": "-Dspark.rpc.askTimeout=5s",
    }
    done = engine.run(spark, "executor", options=tuple(f"--env={k}={v}" for k, v in told.items()), check=False)
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stdout + done.stderr
    assert "Failed to connect" in done.stdout + done.stderr


def test_executor_says_which_variable_is_missing(engine, spark):
    done = engine.run(spark, "executor", check=False)
    assert done.returncode == 1
    assert "SPARK_EXECUTOR_MEMORY" in done.stderr
