# The model server for trying out, with TensorFlow; in production the official TensorFlow Serving image takes its place.
# Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG RUNTIME_IMAGE=localhost/wayfare/runtime

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/model-server.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/model-server.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${RUNTIME_IMAGE}
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
CMD ["python", "-m", "services.model_server.main"]
