#!/usr/bin/env bash
# Checks the charts without a cluster: lint by Helm 3 and 4, unit tests, schemas of Kubernetes and of custom resources,
# kube-score, generated READMEs, refused values, no secret. Usage: charts/check.sh [lint|unit|schemas|refused|docs]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
steps=("$@"); [[ $# -gt 0 ]] || steps=(lint unit schemas refused docs)
python=python3; [[ -x .venv/bin/python ]] && python=.venv/bin/python
"$python" -c 'import yaml' 2>/dev/null || { echo "charts: PyYAML is needed: run make setup first" >&2; exit 1; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
# What Helm keeps of its own stays out of the home folder.
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm

say() { printf '%3ds  %s\n' "$SECONDS" "$*"; }
fail() { echo "charts: $*" >&2; exit 1; }
running=()
bin=$(local/tools/build.sh helm helm4 kubeconform kube-score helm-docs helm-unittest | tail -1); PATH=$bin:$PATH
charts/build.sh

# chart, name of the case, values files; the first case is the chart as it stands.
cases() {
  local file
  echo "wayfare defaults"
  for file in charts/wayfare/environments/*.yaml; do echo "wayfare $(basename "$file" .yaml) $file"; done
  for file in charts/wayfare/examples/*.yaml; do
    echo "wayfare example-$(basename "$file" .yaml) charts/wayfare/environments/production.yaml $file"
  done
  for file in charts/wayfare/tests/values/*.yaml; do echo "wayfare $(basename "$file" .yaml) $file"; done
  echo "wayfare cluster-test charts/wayfare/environments/trial.yaml tests/deploy/cluster/values.yaml"
  echo "datastores defaults"
  echo "datastores cluster-test tests/deploy/cluster/values-datastores.yaml"
}
options() { local file; for file in "$@"; do printf -- '--values\n%s\n' "$file"; done; }

lint() {
  local chart name files values helm
  while read -r chart name files; do
    # shellcheck disable=SC2086 # files are separated by blanks
    mapfile -t values < <(options $files)
    for helm in helm helm4; do
      "$helm" lint --strict --quiet "charts/$chart" "${values[@]}" >"$work/lint" 2>&1 || { cat "$work/lint"; fail "$helm lint: $chart $name"; }
    done
  done < <({ echo "service alone charts/service/tests/values/shared.yaml"; cases; })
  say "lint: $(($(cases | wc -l) + 1)) cases by Helm 3 and 4"
}

unit() {
  local chart
  for chart in service wayfare datastores; do
    helm-unittest --strict --file 'tests/*_test.yaml' "charts/$chart" >"$work/unit" 2>&1 || { cat "$work/unit"; fail "unit tests of $chart"; }
    grep -qE '^Tests: +[1-9]' "$work/unit" || { cat "$work/unit"; fail "no unit test of $chart ran"; }
    say "unit: $chart, $(sed -n 's/^Tests: *//p' "$work/unit")"
  done
}

schemas() {
  local schemas chart name files values ignored
  schemas=$("$python" charts/schemas/make.py | tail -1)
  mkdir "$work/out"
  while read -r chart name files; do
    # shellcheck disable=SC2086
    mapfile -t values < <(options $files)
    helm template wayfare "charts/$chart" --namespace wayfare "${values[@]}" >"$work/out/$chart-$name.yaml"
    helm4 template wayfare "charts/$chart" --namespace wayfare "${values[@]}" >"$work/four.yaml"
    "$python" charts/rendered.py "$work/out/$chart-$name.yaml" "$work/four.yaml" || fail "$chart $name, see above"
    [[ $chart != wayfare ]] || PYTHONPATH=$PWD "$python" charts/agreement.py "$work/out/$chart-$name.yaml" || fail "$chart $name, see above"
    mapfile -t ignored < <(awk -v name="$name" '!/^#/ && ($2 == "*" || index("," $2 ",", "," name ",")) {print "--ignore-test"; print $1}' "charts/$chart/kube-score.txt")
    kube-score score --kubernetes-version v1.34 --ignore-container-cpu-limit --enable-optional-test container-seccomp-profile \
      --enable-optional-test container-ports-check "${ignored[@]}" --output-format ci "$work/out/$chart-$name.yaml" >"$work/score" ||
      { grep -vE '^\[(OK|SKIPPED)\]' "$work/score"; fail "kube-score: $chart $name; a reason for an exception belongs into charts/$chart/kube-score.txt"; }
    ! grep -E '^\[(WARNING|CRITICAL)\]' "$work/score" || fail "kube-score: $chart $name"
  done < <(cases)
  kubeconform -strict -summary -schema-location "$schemas/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json" "$work"/out/*.yaml >"$work/conform" ||
    { cat "$work/conform"; fail "kubeconform"; }
  grep -q 'Skipped: 0' "$work/conform" || fail "kubeconform skipped some: $(cat "$work/conform")"
  say "schemas: $(cat "$work/conform")"
}

refused() { # every line of refused.txt: a setting, and the words of the refusal
  local chart setting words helm lines=0
  while IFS='|' read -r chart setting words; do
    [[ -n $chart && $chart != \#* ]] || continue
    chart=$(xargs <<<"$chart") setting=$(xargs <<<"$setting") words=$(sed 's/^ *//; s/ *$//' <<<"$words")
    for helm in helm helm4; do
      if "$helm" template wayfare "charts/$chart" --set "$setting" >"$work/refused" 2>&1; then fail "$helm accepts $setting"; fi
      grep -qF -- "$words" "$work/refused" || { cat "$work/refused"; fail "$helm refuses $setting without saying: $words"; }
    done
    lines=$((lines + 1))
  done <charts/refused.txt
  say "refused: $lines values, each with its name, by Helm 3 and 4"
}

docs() {
  local chart version
  for chart in service wayfare datastores; do
    helm-docs --chart-search-root "charts/$chart" --template-files README.md.gotmpl --sort-values-order file --dry-run 2>/dev/null >"$work/readme"
    diff -u "charts/$chart/README.md" "$work/readme" >"$work/diff" || { head -40 "$work/diff"; fail "README of $chart is not what its values say: run charts/docs.sh"; }
    version=$(sed -n 's/^version: //p' "charts/$chart/Chart.yaml")
    grep -q "^## $version" charts/CHANGELOG.md || fail "charts/CHANGELOG.md has no heading for this version of $chart, got $version"
  done
  say "docs: READMEs generated, versions in the changelog"
}

for step in "${steps[@]}"; do
  case $step in lint | unit | schemas | refused | docs) ;; *) fail "steps are lint, unit, schemas, refused and docs, got $step" ;; esac
done
# Each works on files of its own; what one of them says is shown whole.
for step in "${steps[@]}"; do (work=$work/$step; mkdir "$work"; "$step") & running+=($!); done
failed=0
for one in "${running[@]}"; do wait "$one" || failed=1; done
exit "$failed"
