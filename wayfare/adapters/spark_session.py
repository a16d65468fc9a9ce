"""Spark on this machine with Hive's catalogue in embedded Derby, everything it writes under the state folder.

Derby serves one process at a time, so the session holds a file lock. Under spark-submit what it was told (master, where
executors find the driver, their image) wins over these defaults: `WAYFARE_SPARK_*` then says nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from wayfare.domain.errors import Unavailable

_QUIET = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""


@contextlib.contextmanager
def spark_session(
    state: pathlib.Path, application: str, *, cores: int = 2, driver_memory: str = "1200m"
) -> Iterator[Any]:
    """A Spark session with Hive support; stopped, with its Java process, when the block ends.

    Unavailable when another process holds this state folder's catalogue.
    """
    home = state / "hive"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(f"another process uses the Hive catalogue: wait for it to end, got {home}") from error
        session = _start(home, application, cores, driver_memory)
        try:
            yield session
        finally:
            _stop(session)


def _start(home: pathlib.Path, application: str, cores: int, driver_memory: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession
    quiet = home / "log4j2.properties"
    quiet.write_text(_QUIET)
    java = (
        f"-Dlog4j2.configurationFile={quiet.as_uri()} -Dderby.system.home={home} "
        f"-Dderby.stream.error.file={home / 'derby.log'} -Djava.io.tmpdir={_folder(home / 'tmp')} -XX:+UseSerialGC"
    )
    # Workers must run this interpreter.
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": _python_path()}
    settings = {
        "spark.app.name": application,
        "spark.log.level": "ERROR",
        "spark.sql.warehouse.dir": str(home / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={home / 'metastore_db'};create=true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "4000",
        "spark.ui.showConsoleProgress": "true" if sys.stderr.isatty() else "false",
    }
    given = _submitted()
    if given is None:
        # Nobody else can reach what listens on loopback.
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        settings |= {
            "spark.master": f"local[{cores}]",
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": driver_memory,
            "spark.driver.extraJavaOptions": java,
            "spark.local.dir": str(_folder(home / "tmp")),
            "spark.sql.shuffle.partitions": str(2 * cores),
        }
    builder = SparkSession.builder.enableHiveSupport()
    for name, value in settings.items():
        if given is None or name not in given:
            builder = builder.config(name, value)
    return builder.getOrCreate()


def _submitted() -> dict[str, str] | None:
    """The configuration that spark-submit was given; None when it did not start this process."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        return None
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    return dict(SparkConf().getAll())


def _stop(session: Any) -> None:
    """Stop the session and the Java process behind it, so that Derby's files are free."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    session.stop()
    if gateway is not None:
        process = getattr(gateway, "proc", None)
        gateway.shutdown()
        SparkContext._gateway = SparkContext._jvm = None
        if process is not None:
            process.stdin.close()
            process.wait(timeout=30)


def _python_path() -> str:
    """Where workers find this code, whatever folder they start in."""
    here = str(pathlib.Path(__file__).parents[2])
    return os.pathsep.join(dict.fromkeys([here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))


def _folder(path: pathlib.Path) -> pathlib.Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
