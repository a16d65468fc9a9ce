# What the pods of Jenkins build, test and deploy with: everything that the make targets of the Jenkinsfile need.
#   podman build -f jenkins/agent.Dockerfile -t registry.example.com/rides/wayfare/jenkins-agent:0.1.0 .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG GO_IMAGE=golang:1.26-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim
ARG GRYPE_IMAGE=anchore/grype:v0.117.0

FROM ${GO_IMAGE} AS go
# kubectl of the release that the tests run against, from the module that pins it; the binary acts as its name says.
COPY local/cluster/go/kubernetes /src
WORKDIR /src
RUN CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -mod=readonly -ldflags '-s -w' -o /kubectl .

FROM ${NODE_IMAGE} AS node

FROM ${GRYPE_IMAGE} AS grype

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="wayfare-jenkins-agent" \
      org.opencontainers.image.description="Tools that build, test and deploy Wayfare" \
      org.opencontainers.image.licenses="Apache-2.0"
# Servers and Java for the tests, podman for the images, gnupg to sign charts; nothing to run a cluster with, for
# a change is tried in its preview.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates curl file fuse-overlayfs git gnupg jq make maven netavark aardvark-dns openjdk-17-jre-headless \
      openssh-client podman procps redis-server uidmap unzip xz-utils \
 && rm -rf /var/lib/apt/lists/*
COPY --from=go /usr/local/go /usr/local/go
COPY --from=go /kubectl /usr/local/bin/kubectl
COPY --from=grype /grype /usr/local/bin/grype
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && useradd --uid 1000 --user-group --create-home jenkins
ENV PATH=/usr/local/go/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
    LANG=C.UTF-8
# pod-build.yaml runs it as root, for podman; pod-deploy.yaml as this user.
USER 1000:1000
WORKDIR /home/jenkins
CMD ["sleep", "infinity"]
