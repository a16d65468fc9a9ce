# Spark without TensorFlow: the loading of history, and executors of jobs on Kubernetes. Runs `python -m pipelines...` by
# itself, and `driver` or `executor` as Spark on Kubernetes asks for. Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG JVM_IMAGE=localhost/wayfare/jvm

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/spark.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/spark.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${JVM_IMAGE}
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
