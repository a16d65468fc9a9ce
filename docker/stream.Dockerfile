# Workers on streams: ingest, lander, the city simulator and the replayer. One process each, without children, that
# handles its own signals: it needs no init. Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG RUNTIME_IMAGE=localhost/wayfare/runtime

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/stream.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/stream.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${RUNTIME_IMAGE}
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
