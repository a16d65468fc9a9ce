# What packs and unpacks the columns of streams: events_api, ingest, lander, drift_monitor, the city simulator and the
# replayer.
# Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG RUNTIME_IMAGE=localhost/wayfare/runtime

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/stream.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/stream.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${RUNTIME_IMAGE}
# gunicorn is process 1 nowhere: a child that outlives its parent would never be reaped.
COPY --from=dependencies /usr/bin/tini-static /usr/bin/tini
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["wayfare", "--help"]
