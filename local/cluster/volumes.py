"""Makes a folder of the node for each claim of the storage class `node-folder`, and removes it with its volume.

The API server brings no provisioner; claims would wait for ever. A folder is open to every user, as a new network file
system often is, because a pod without fsGroup could not write otherwise. One node, so every access mode holds.
"""

from __future__ import annotations

import http.client
import shutil
import sys
import time
from pathlib import Path

from local.cluster.api import Api, ApiError, Item, arguments

STORAGE_CLASS = "node-folder"
PROVISIONER = "wayfare.local/node-folder"


def volume_for(claim: Item, folder: Path) -> Item:
    """The volume bound to a claim, at a folder named after the claim's uid."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"folder-{metadata['uid']}",
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": reference | {key: metadata[key] for key in ("namespace", "name", "uid")},
            "hostPath": {"path": str(folder / metadata["uid"]), "type": "Directory"},
        },
    }


def waiting(claims: list[Item], volumes: list[Item]) -> list[Item]:
    """Claims of our class that have no volume yet."""
    served = {volume["spec"].get("claimRef", {}).get("uid") for volume in volumes}
    return [
        claim
        for claim in claims
        if claim["spec"].get("storageClassName") == STORAGE_CLASS
        and not claim["spec"].get("volumeName")
        and claim["metadata"]["uid"] not in served
        and not claim["metadata"].get("deletionTimestamp")
    ]


def abandoned(volumes: list[Item]) -> list[Item]:
    """Our volumes whose claim is gone."""
    return [
        volume
        for volume in volumes
        if volume["spec"].get("storageClassName") == STORAGE_CLASS
        and volume["status"].get("phase") in ("Released", "Failed")
    ]


def step(api: Api, folder: Path) -> None:
    """Serves every waiting claim and removes every abandoned volume."""
    volumes = api.items("/api/v1/persistentvolumes")
    for claim in waiting(api.items("/api/v1/persistentvolumeclaims"), volumes):
        place = folder / claim["metadata"]["uid"]
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o777)
        try:
            api.call("POST", "/api/v1/persistentvolumes", volume_for(claim, folder))
        except ApiError as refused:
            if refused.status != 409:  # made in the last round, and the cache had not heard of it
                raise
        print(f"made {place} for {claim['metadata']['namespace']}/{claim['metadata']['name']}", flush=True)
    for volume in abandoned(volumes):
        shutil.rmtree(folder / Path(volume["spec"]["hostPath"]["path"]).name, ignore_errors=True)
        api.call("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
        print(f"removed {volume['metadata']['name']}", flush=True)


def main() -> None:
    """Looks twice a second, for ever; an API server that is away is waited for."""
    options = arguments("makes volumes of the class node-folder", volumes="folder under which volumes are made")
    api, folder = Api.of(options.kubeconfig), Path(options.volumes)
    while True:
        try:
            step(api, folder)
        except (OSError, http.client.HTTPException, ApiError) as error:
            print(f"trying again: {error}", file=sys.stderr, flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
