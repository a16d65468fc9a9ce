#!/usr/bin/env bash
# `make test-jenkins`: lints the Jenkinsfile and the job, runs the Jenkinsfile in an interpreter of its syntax, and checks
# the configuration of Jenkins against it. Reports lie under build/reports/jenkins. Usage: jenkins/test.sh
# Needs Node 20 or newer and Maven with Java 17; the first run downloads their packages, later ones work offline.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'test-jenkins: %s\n' "$*"; }
fail() { printf 'test-jenkins: %s\n' "$*" >&2; exit 1; }

command -v node >/dev/null || fail "Node 20 or newer is needed: install it from https://nodejs.org, got none"
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) || fail "Node 20 or newer is needed, got $(node --version)"
command -v mvn >/dev/null || fail "Maven is needed: install it, got no mvn on the path"

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

say "running the Jenkinsfile"
maven=(mvn --batch-mode --quiet -f jenkins/test/pom.xml)
rm -rf build/reports/jenkins
# Without asking any repository when all is there; only where that could not even begin, with.
if [ -f build/jenkins/.fetched ] && cmp -s jenkins/test/pom.xml build/jenkins/.fetched; then maven+=(--offline); fi
"${maven[@]}" test
cp jenkins/test/pom.xml build/jenkins/.fetched

say "passed: $(grep -ch '<testcase ' build/reports/jenkins/TEST-*.xml | paste -sd+ | awk -F+ '{for (i = 1; i <= NF; i++) n += $i; print n}') tests"
