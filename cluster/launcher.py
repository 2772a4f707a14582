"""What Ray's cluster launcher is given for Amazon and Google: pure functions, YAML's content.

The workers are spot machines, which may go at any time: trials go on elsewhere from their last
checkpoint, so `storage` is a bucket. The token of this machine goes to every machine.
"""

import json
from typing import Any

from cluster.profile import AwsProfile, GcpProfile

_PORT = 6379
_DISK_GB = 200
_GCP_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def launcher_config(profile: AwsProfile | GcpProfile) -> dict[str, Any]:
    """Return the launcher's configuration."""
    nodes = _aws_nodes(profile) if isinstance(profile, AwsProfile) else _gcp_nodes(profile)
    head, worker = nodes
    # Ray's own start commands, but with the token, and the dashboard on loopback.
    start = "ulimit -n 65536; RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 ray start"
    config = {
        "cluster_name": profile.name,
        "max_workers": profile.max_workers,
        "idle_timeout_minutes": 5,
        "provider": _provider(profile),
        "auth": {"ssh_user": "ubuntu"},
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": head},
            "worker": {
                "min_workers": 0,
                "max_workers": profile.max_workers,
                "resources": {"CPU": profile.num_cpus, "GPU": profile.num_gpus},
                "node_config": worker,
            },
        },
        "head_node_type": "head",
        "file_mounts": {"~/.ray/auth_token": "~/.ray/auth_token"},
        "setup_commands": list(profile.setup),
        "head_start_ray_commands": [
            "ray stop",
            f"{start} --head --port={_PORT} --autoscaling-config=~/ray_bootstrap_config.yaml "
            "--dashboard-host=127.0.0.1",
        ],
        "worker_start_ray_commands": ["ray stop", f"{start} --address=$RAY_HEAD_IP:{_PORT}"],
    }
    return json.loads(json.dumps(config))  # nothing shared, so that YAML needs no anchors


def _provider(profile: AwsProfile | GcpProfile) -> dict[str, Any]:
    if isinstance(profile, AwsProfile):
        return {"type": "aws", "region": profile.region, "cache_stopped_nodes": False}
    return {
        "type": "gcp",
        "region": profile.region,
        "availability_zone": profile.zone,
        "project_id": profile.project,
    }


def _aws_nodes(profile: AwsProfile) -> tuple[dict[str, Any], dict[str, Any]]:
    disk = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": _DISK_GB, "VolumeType": "gp3"}}]
    head = {
        "ImageId": profile.image,
        "InstanceType": profile.head_type,
        "BlockDeviceMappings": disk,
    }
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    return head, {**head, "InstanceType": profile.worker_type, **spot}


def _gcp_nodes(profile: GcpProfile) -> tuple[dict[str, Any], dict[str, Any]]:
    disks = [
        {
            "boot": True,
            "autoDelete": True,
            "type": "PERSISTENT",
            "initializeParams": {"diskSizeGb": _DISK_GB, "sourceImage": profile.image},
        }
    ]
    accounts = [{"email": "default", "scopes": _GCP_SCOPES}]
    head = {"machineType": profile.head_type, "disks": disks, "serviceAccounts": accounts}
    spot = {
        "provisioningModel": "SPOT",
        "automaticRestart": False,
        "onHostMaintenance": "TERMINATE",
    }
    worker: dict[str, Any] = {**head, "machineType": profile.worker_type, "scheduling": spot}
    if profile.num_gpus:
        kind = f"projects/{profile.project}/zones/{profile.zone}/acceleratorTypes/"
        accelerator = {"acceleratorType": kind + profile.accelerator}
        worker["guestAccelerators"] = [{**accelerator, "acceleratorCount": profile.num_gpus}]
    return head, worker
