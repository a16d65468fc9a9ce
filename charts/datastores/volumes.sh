#!/usr/bin/env bash
# Copies the volumes of this chart's stores, and the lake of a Wayfare beside them, to a folder and back.
#
#   NS=wayfare charts/datastores/volumes.sh save FOLDER       one store after the other is stopped meanwhile
#   NS=wayfare charts/datastores/volumes.sh restore FOLDER    into stores without anything of value; Wayfare is not installed
#
# RELEASE  of the chart wayfare, whose claim of a lake is <RELEASE>-lake (default wayfare)
# The lake is copied first and Kafka before Cassandra: what a copy lacks, the next one can still tell of.
set -euo pipefail
fail() { echo "volumes: $*" >&2; exit 1; }
say() { echo "volumes: $*" >&2; }
what=${1:-} folder=${2:-} release=${RELEASE:-wayfare}
[[ $what == save || $what == restore ]] || fail "usage: NS=... volumes.sh save|restore FOLDER, got '$what'"
[[ -n $folder ]] || fail "usage: NS=... volumes.sh $what FOLDER, got no folder"
[[ -n ${NS:-} ]] || fail "NS must name the namespace, got nothing"
kube() { kubectl --namespace "$NS" "$@"; }
# Whoever a store runs as must own what is restored.
declare -A user=([lake]=10001 [kafka]=1000 [cassandra]=999 [s3]=10001)
claim() { if [[ $1 == lake ]]; then echo "$release-lake"; else echo "data-$1-0"; fi; }
image=$(kube get statefulset cassandra --output 'jsonpath={.spec.template.spec.containers[0].image}')

pod() { # name: a pod that has the volume of that name under /volume
  kube apply --filename - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: volume-$1}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: ${user[$1]}, runAsGroup: ${user[$1]}, fsGroup: ${user[$1]}, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: volume
      image: $image
      command: [sleep, "86400"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: volume, mountPath: /volume}]
  volumes: [{name: volume, persistentVolumeClaim: {claimName: $(claim "$1")}}]
YAML
  kube wait --for=condition=Ready "pod/volume-$1" --timeout=300s >/dev/null
}
stopped() { # store
  kube scale "statefulset/$1" --replicas=0 >/dev/null
  kube wait --for=delete "pod/$1-0" --timeout=300s >/dev/null
}
started() { # store
  kube scale "statefulset/$1" --replicas=1 >/dev/null
  kube rollout status "statefulset/$1" --timeout=600s >/dev/null
}
copy() { # name
  pod "$1"
  case $what in
    # What is in the volume, and not its root, which belongs to whoever made the volume.
    save) kube exec "volume-$1" -- sh -c 'cd /volume && find . -mindepth 1 -maxdepth 1 -print0 | tar --null -T - -cf -' >"$folder/$1.tar.new" && mv "$folder/$1.tar.new" "$folder/$1.tar" ;;
    restore)
      kube exec "volume-$1" -- find /volume -mindepth 1 -delete
      kube exec --stdin "volume-$1" -- tar -C /volume -xf - --no-same-owner <"$folder/$1.tar"
      ;;
  esac
  kube delete pod "volume-$1" --wait >/dev/null
  say "$1: $(du -h "$folder/$1.tar" | cut -f1)"
}
lake_claim() { # made with Helm's marks, so that the chart takes it for its own
  kube get pvc "$(claim lake)" >/dev/null 2>&1 || kube apply --filename "$folder/lake.json" >/dev/null
}

if [[ $what == save ]]; then
  mkdir -p "$folder"
  if kube get pvc "$(claim lake)" --output json >"$folder/lake.claim"; then
    python3 - "$folder" <<'PYTHON'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
claim = json.loads((folder / "lake.claim").read_text())
kept = {key: claim["metadata"].get(key, {}) for key in ("name", "labels")}
marks = {key: value for key, value in claim["metadata"].get("annotations", {}).items() if key.startswith(("meta.helm.sh", "helm.sh"))}
spec = {key: value for key, value in claim["spec"].items() if key != "volumeName"}
(folder / "lake.json").write_text(json.dumps({"apiVersion": "v1", "kind": claim["kind"], "metadata": kept | {"annotations": marks}, "spec": spec}))
PYTHON
    copy lake
  fi
  rm -f "$folder/lake.claim"
else
  for name in kafka cassandra s3; do [[ -f $folder/$name.tar ]] || fail "$folder holds no copy of $name"; done
  ! kube get deployment "$release-ingest" >/dev/null 2>&1 || fail "Wayfare runs: uninstall the release $release first"
  if [[ -f $folder/lake.tar ]]; then lake_claim; copy lake; fi
fi
for name in kafka cassandra s3; do
  stopped "$name"
  copy "$name"
  started "$name"
done
