# What images are built with, as two targets that docker/build.sh makes first; nothing of them is shipped but files.
#   tools     the installer, the init and an empty environment
#   project   tools, and the project's wheel installed by itself
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS tools
ENV UV_PYTHON_DOWNLOADS=never SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /build
COPY locks/uv.txt locks/
COPY docker/steps/tools.sh docker/steps/dependencies.sh docker/steps/compile.sh steps/
RUN sh steps/tools.sh

FROM tools AS project
ARG SOURCE_DATE_EPOCH=0
COPY docker/steps/project.sh steps/
COPY locks/dev.txt locks/
COPY pyproject.toml README.md ./
COPY wayfare wayfare
COPY services services
COPY pipelines pipelines
COPY local local
RUN --mount=type=cache,target=/root/.cache/uv sh steps/project.sh
