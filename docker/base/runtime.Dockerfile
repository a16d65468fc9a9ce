# What images stand on, as two targets that docker/build.sh makes first.
#   runtime   hardened Python, one user, the folders and paths of record 0007
#   jvm       runtime, and what Spark needs: Java 17, SPARK_HOME, the entry point of Spark on Kubernetes
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG TOOLS_IMAGE=localhost/wayfare/tools

FROM ${TOOLS_IMAGE} AS tools

FROM scratch AS steps
COPY docker/steps/harden.sh docker/steps/java.sh docker/steps/keystore.py /

FROM ${PYTHON_IMAGE} AS runtime
# STEPS changes with the mounted script, which an engine's cache may not look at.
ARG STEPS
RUN --mount=type=bind,from=steps,target=/steps STEPS=${STEPS} sh /steps/harden.sh
ENV PATH=/opt/wayfare/bin:/usr/local/bin:/usr/bin:/bin HOME=/var/lib/wayfare PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    WAYFARE_STATE=/var/lib/wayfare WAYFARE_MODELS_DIR=/models WAYFARE_LAKE=/lake \
    WAYFARE_HOST=0.0.0.0 WAYFARE_PORT=8080 WAYFARE_GRPC_PORT=8500 WAYFARE_ADMIN_HOST=0.0.0.0 WAYFARE_ADMIN_PORT=9090 \
    WAYFARE_CITIES_FILE=/etc/wayfare/cities/cities.json WAYFARE_JWKS=/etc/wayfare/keys/jwks/jwks.json \
    WAYFARE_TRUSTED_KEYS_DIR=/etc/wayfare/keys/trusted WAYFARE_QUOTE_KEYS_DIR=/etc/wayfare/keys/quotes \
    WAYFARE_PUBLISHER_KEY_FILE=/etc/wayfare/keys/publisher WAYFARE_TRAINER_KEY_FILE=/etc/wayfare/keys/trainer \
    WAYFARE_PSEUDONYM_KEY_FILE=/etc/wayfare/keys/pseudonym/pseudonym.key \
    WAYFARE_SESSION_KEY_FILE=/etc/wayfare/keys/session/session.key
USER 10001:10001
WORKDIR /var/lib/wayfare
CMD ["wayfare", "--help"]

FROM runtime AS jvm
USER 0:0
ARG STEPS
RUN --mount=type=bind,from=steps,target=/steps STEPS=${STEPS} sh /steps/java.sh
COPY --from=tools /usr/bin/tini-static /usr/bin/tini
COPY --chmod=0555 docker/spark/entrypoint.sh docker/spark/decom.sh /opt/
ENV SPARK_HOME=/opt/spark JAVA_HOME=/opt/java PYSPARK_PYTHON=/opt/wayfare/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/wayfare/bin/python
USER 10001:10001
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["wayfare", "--help"]
