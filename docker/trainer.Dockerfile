# The driver of a training job: Spark and TensorFlow. Runs `python -m pipelines...` by itself, and `driver` or `executor`
# as Spark on Kubernetes asks for. Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG JVM_IMAGE=localhost/wayfare/jvm

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/train.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/train.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${JVM_IMAGE}
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
