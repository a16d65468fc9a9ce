# Prices and what goes with them, with neither TensorFlow nor Spark nor Arrow: pricing_api, booking_relay, console, publisher,
# `wayfare stores`, `wayfare keys`, `wayfare publish`. Built by docker/build.sh.
ARG TOOLS_IMAGE=localhost/wayfare/tools
ARG PROJECT_IMAGE=localhost/wayfare/project
ARG RUNTIME_IMAGE=localhost/wayfare/runtime

FROM ${TOOLS_IMAGE} AS dependencies
COPY locks/front.txt /build/locks/
RUN --mount=type=cache,target=/root/.cache/uv sh steps/dependencies.sh locks/front.txt

FROM ${PROJECT_IMAGE} AS project

FROM ${RUNTIME_IMAGE}
# gunicorn is process 1 nowhere: a child that outlives its parent would never be reaped.
COPY --from=dependencies /usr/bin/tini-static /usr/bin/tini
COPY --from=dependencies /opt/wayfare /opt/wayfare
COPY --from=project /opt/project /opt/wayfare
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["wayfare", "--help"]
