#!/usr/bin/env bash
# `make test-jenkins`: lints the Jenkinsfile, the job and the images, checks pods and controller against the schemas of
# Kubernetes, and runs the Jenkinsfile in an interpreter of its syntax. Reports lie under build/reports/jenkins.
# Usage: jenkins/test.sh. Needs what `make setup` makes, Node 20 or newer, Go, and Maven with Java 17; the first run
# downloads their packages and builds kubeconform, later ones work offline.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'test-jenkins: %s\n' "$*"; }
fail() { printf 'test-jenkins: %s\n' "$*" >&2; exit 1; }

command -v node >/dev/null || fail "Node 20 or newer is needed: install it from https://nodejs.org, got none"
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) || fail "Node 20 or newer is needed, got $(node --version)"
command -v mvn >/dev/null || fail "Maven is needed: install it, got no mvn on the path"
[ -x .venv/bin/hadolint ] || fail "the virtual environment is needed: type  make setup"

lint=build/jenkins-lint
if ! cmp -s jenkins/lint/package-lock.json "$lint/node_modules/.installed"; then
  say "installing the linter of jenkins/lint/package-lock.json"
  mkdir -p "$lint"
  cp jenkins/lint/package.json jenkins/lint/package-lock.json "$lint/"
  npm ci --prefix "$lint" --no-fund --no-audit --silent
  cp jenkins/lint/package-lock.json "$lint/node_modules/.installed"
fi
say "linting"
# --noserver: by default it leaves a process behind, for the next run to be quicker.
"$lint/node_modules/.bin/npm-groovy-lint" --noserver --failon info --config "$PWD/jenkins/lint/groovylintrc.json" Jenkinsfile jenkins/job.groovy

.venv/bin/hadolint jenkins/Dockerfile jenkins/agent.Dockerfile

say "checking pods and controller"
kubeconform=$(local/tools/build.sh kubeconform | tail -1)/kubeconform
schemas=$(.venv/bin/python charts/schemas/make.py | tail -1)
"$kubeconform" -strict -summary -schema-location "$schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
  jenkins/pod-build.yaml jenkins/pod-deploy.yaml jenkins/controller.yaml

say "running the Jenkinsfile"
maven=(mvn --batch-mode --quiet -f jenkins/test/pom.xml)
rm -rf build/reports/jenkins
# Once everything was fetched, no repository is asked.
if [ -f build/jenkins/.fetched ] && cmp -s jenkins/test/pom.xml build/jenkins/.fetched; then maven+=(--offline); fi
"${maven[@]}" test
cp jenkins/test/pom.xml build/jenkins/.fetched

say "passed: $(cat build/reports/jenkins/TEST-*.xml | grep -c '<testcase ') tests"
