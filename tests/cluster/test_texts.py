"""What other programs are given: as it was read over, and valid by their own checks."""

import gzip
import json
import os
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.kuberay import kubernetes_name, ray_job
from cluster.launcher import launcher_config
from cluster.profile import AwsProfile, GcpProfile, KubeRayProfile
from cluster.slurm.ray_script import SlurmRay, render_ray_script
from models.config_file import dump_yaml, parse_yaml

GOLDEN = Path(__file__).parent / "golden"
RAYJOB_SCHEMA = Path(__file__).parent / "rayjob_schema.json.gz"
"""Version v1 of KubeRay's ray.io_rayjobs.yaml, commit feeaf72 of 19 August 2026, without its
descriptions; Apache License 2.0."""
COMMAND = ("python", "-m", "tuner", "search", "/job/a b.yaml", "--or_resume")


def slurm_script() -> str:
    job = SlurmRay(
        name="first", folder="/shared/jobs/first", command=COMMAND, num_gpus=4, partition="gpu",
        setup=("module load cuda",), environment={"TUNER_PRESETS": "job/my presets"},
    )  # fmt: skip
    return render_ray_script(job)


def manifest(**changes) -> list[dict]:
    settings = {
        "image": "registry.example.com/tuner:1", "num_gpus": 1, "volume_claim": "shared",
        "secret": "bucket", **changes,
    }  # fmt: skip
    return ray_job(
        KubeRayProfile(**settings), name="Ann_First.run", command=COMMAND,
        files={"a b.yaml": "model: x\n", "presets/x/mine.yaml": "mine: {}\n"},
        environment={"TUNER_PRESETS": "/job/presets"}, metadata={"user": "ann", "search": "a b"},
    )  # fmt: skip


AWS = AwsProfile(image="ami-0123", setup=("pip install torch",))
GCP = GcpProfile(project="my-project", setup=("pip install torch",))
TEXTS = {
    "slurm.sh": slurm_script,
    "kuberay.yaml": lambda: "---\n".join(dump_yaml(one) for one in manifest()),
    "aws.yaml": lambda: dump_yaml(launcher_config(AWS)),
    "gcp.yaml": lambda: dump_yaml(launcher_config(GCP)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_the_one_that_was_read_over(name) -> None:
    """After a wanted change: python -m pytest tests/cluster/test_texts.py with UPDATE_GOLDEN=1."""
    if "UPDATE_GOLDEN" in os.environ:
        (GOLDEN / name).write_text(TEXTS[name]())
    assert TEXTS[name]() == (GOLDEN / name).read_text()


@pytest.mark.parametrize("profile", [AWS, GCP], ids=["aws", "gcp"])
def test_launcher_config_is_valid_by_rays_own_check(profile) -> None:
    from ray.autoscaler._private.util import fillout_defaults, validate_config

    config = parse_yaml(dump_yaml(launcher_config(profile)), "launcher")
    filled = fillout_defaults(config)
    validate_config(filled)
    assert filled["available_node_types"]["worker"]["max_workers"] == 4
    with pytest.raises(Exception, match="Additional properties are not allowed"):
        validate_config(fillout_defaults({**config, "wrokers": 3}))


@pytest.mark.parametrize("profile", [AWS, GCP], ids=["aws", "gcp"])
def test_launched_workers_are_spot_and_the_token_goes_along(profile) -> None:
    config = launcher_config(profile)
    worker = json.dumps(config["available_node_types"]["worker"]["node_config"]).lower()
    head = json.dumps(config["available_node_types"]["head"]["node_config"]).lower()
    assert "spot" in worker
    assert "spot" not in head
    assert "~/.ray/auth_token" in config["file_mounts"]
    starts = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in start for start in starts if "ray start" in start)
    assert not any("0.0.0.0" in start for start in starts)


def test_manifest_is_valid_by_the_published_schema() -> None:
    import jsonschema

    schema = closed(json.loads(gzip.decompress(RAYJOB_SCHEMA.read_bytes())))
    job = manifest()[1]
    jsonschema.validate(job, schema)
    job["spec"]["entrypiont"] = "x"
    with pytest.raises(jsonschema.ValidationError, match="entrypiont"):
        jsonschema.validate(job, schema)


def closed(schema):
    """Return the schema so that it refuses unknown keys, as Kubernetes does when it is strict."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if found.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if isinstance(found.get("properties"), dict) and "type" in found["properties"].get("type", ()):
        return found
    if found.get("type") == "object" and "properties" in found:
        found.setdefault("additionalProperties", False)
        if "apiVersion" in found["properties"]:
            found["additionalProperties"] = True
    return found


def test_files_too_large_for_kubernetes_are_refused() -> None:
    with pytest.raises(ClusterError, match="Kubernetes takes 1048576"):
        ray_job(
            KubeRayProfile(image="i"), name="a", command=COMMAND, files={"x": "y" * 2_000_000},
            environment={}, metadata={},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Ann_First.run", "ann-first-run"), ("x" * 60, "x" * 47), ("__", "search")],
)
def test_names_are_made_as_kubernetes_takes_them(name, expected) -> None:
    assert kubernetes_name(name) == expected


@pytest.mark.parametrize("key", ["num_nodes", "num_cpus", "memory_gb", "hours"])
def test_impossible_slurm_jobs_are_refused(key) -> None:
    with pytest.raises(ValueError, match=f"{key} is 0: a job needs at least 1"):
        render_ray_script(SlurmRay(name="a", folder="/f", command=COMMAND, **{key: 0}))
