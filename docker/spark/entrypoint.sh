#!/bin/bash
# The contract of Spark on Kubernetes: `driver ARGS` submits an application in client mode inside this pod, `executor`
# joins the driver that the SPARK_* variables name, and anything else is run as it stands. All under an init, because
# Java and Python start each other here.
set -euo pipefail

classpath=${SPARK_CLASSPATH:-}:$SPARK_HOME/jars/*
[ -z "${SPARK_EXTRA_CLASSPATH:-}" ] || classpath=$classpath:$SPARK_EXTRA_CLASSPATH
[ -z "${HADOOP_CONF_DIR:-}" ] || classpath=$HADOOP_CONF_DIR:$classpath
classpath=${SPARK_CONF_DIR:-$SPARK_HOME/conf}:$classpath

# SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1, ... in the order of their numbers, each one option whatever it holds.
java_options() {
  local at=0 name
  while name=SPARK_JAVA_OPT_$at && [ -n "${!name+set}" ]; do
    options+=("${!name}")
    at=$((at + 1))
  done
}

case ${1:-} in
  driver)
    shift
    command=("$SPARK_HOME/bin/spark-submit" --deploy-mode client
      --conf "spark.driver.bindAddress=${SPARK_DRIVER_BIND_ADDRESS:?is set by Spark on Kubernetes}" "$@")
    ;;
  executor)
    options=()
    java_options
    command=("$JAVA_HOME/bin/java" "${options[@]}" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY"
      -cp "$classpath" org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend
      --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES"
      --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP"
      --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME")
    ;;
  *) command=("$@") ;;
esac
exec /usr/bin/tini -- "${command[@]}"
