"""What Kubernetes is given to run one command with KubeRay: a RayJob and the files that it reads.

Pure functions of their parameters; the content of YAML documents.
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from cluster.errors import ClusterError
from cluster.profile import KubeRayProfile

FILES = "/job"
"""Where the files are mounted."""
SHARED = "/shared"
"""Where the volume is mounted."""
_LONGEST_NAME = 47
"""KubeRay makes names of pods and services from it."""
_MAX_FILES_BYTES = 1024 * 1024
_KEEP_S = 600
_NUM_RETRIES = 3


def ray_job(
    profile: KubeRayProfile,
    *,
    name: str,
    command: tuple[str, ...],
    files: Mapping[str, str],
    environment: Mapping[str, str],
    metadata: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return the documents: a ConfigMap with the files, and a RayJob.

    Args:
        profile: of the cluster.
        name: of the job, a word that Kubernetes takes once it is in small letters.
        command: the program and its arguments. After a failure it is run again on a new cluster, so
            it has to go on with what it began.
        files: texts by their place below `FILES`.
        environment: variables of all pods.
        metadata: words for people.

    Raises:
        ClusterError: the files are more than a ConfigMap takes.
    """
    size = sum(len(text.encode()) for text in files.values())
    if size > _MAX_FILES_BYTES:
        raise ClusterError(
            f"search and presets take {size} bytes, and Kubernetes takes {_MAX_FILES_BYTES}: "
            "name fewer presets"
        )
    name = kubernetes_name(name)
    keys = {place: f"file-{number}" for number, place in enumerate(sorted(files))}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": profile.namespace},
        "data": {keys[place]: text for place, text in sorted(files.items())},
    }
    items = [{"key": key, "path": place} for place, key in keys.items()]
    volume = {"name": "job", "configMap": {"name": name, "items": items}}
    pod = _pod(profile, volume, environment)
    labels = {"app.kubernetes.io/name": "grammar-tuner"}
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {
            "name": name,
            "namespace": profile.namespace,
            "labels": labels,
            "annotations": {f"grammar-tuner/{key}": text for key, text in metadata.items()},
        },
        "spec": {
            "entrypoint": shlex.join(command),
            "submissionMode": "K8sJobMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": _KEEP_S,
            "backoffLimit": _NUM_RETRIES,
            "rayClusterSpec": {
                "rayVersion": profile.ray_version,
                "authOptions": {"mode": "token"},
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "0", "num-gpus": "0"},
                    "template": pod(num_gpus=0),
                },
                "workerGroupSpecs": [
                    {
                        "groupName": "workers",
                        "replicas": profile.num_workers,
                        "minReplicas": 0,
                        "maxReplicas": profile.num_workers,
                        "rayStartParams": {},
                        "template": pod(num_gpus=profile.num_gpus),
                    }
                ],
            },
        },
    }
    return json.loads(json.dumps([config, job]))  # nothing shared, so that YAML needs no anchors


def kubernetes_name(name: str) -> str:
    """Return a name as Kubernetes takes it: small letters, digits and hyphens."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return word[-_LONGEST_NAME:].strip("-") or "search"


def _pod(profile: KubeRayProfile, files: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    volumes: list[Any] = [dict(files)]
    mounts = [{"name": "job", "mountPath": FILES, "readOnly": True}]
    if profile.volume_claim is not None:
        claim = {"claimName": profile.volume_claim}
        volumes.append({"name": "shared", "persistentVolumeClaim": claim})
        mounts.append({"name": "shared", "mountPath": SHARED})

    def pod(num_gpus: int) -> dict[str, Any]:
        amounts: dict[str, Any] = {"cpu": profile.num_cpus, "memory": f"{profile.memory_gb}Gi"}
        if num_gpus:
            amounts["nvidia.com/gpu"] = num_gpus
        container: dict[str, Any] = {
            "name": "ray",
            "image": profile.image,
            "env": [{"name": key, "value": value} for key, value in sorted(environment.items())],
            "resources": {"requests": amounts, "limits": amounts},
            "volumeMounts": mounts,
        }
        if profile.secret is not None:
            container["envFrom"] = [{"secretRef": {"name": profile.secret}}]
        return {"spec": {"containers": [container], "volumes": volumes}}

    return pod
