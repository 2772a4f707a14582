"""A search for KubeRay: its manifest in a file, and what to type."""

from pathlib import Path

from cluster.kuberay import FILES, SHARED, kubernetes_name, ray_job
from cluster.profile import KubeRayProfile
from models.config_file import dump_yaml, write_text
from models.errors import UserError
from models.presets import FOLDERS_VARIABLE
from tuner.commands.console import output
from tuner.commands.packing import JOB, SearchPackage, job_metadata, search_command
from tuner.record.paths import RUNS_OF_JOBS
from tuner.search.search import Search


def write_manifest(
    profile: KubeRayProfile,
    search: Search,
    package: SearchPackage,
    *,
    name: str,
    place: str,
    database: str | None,
) -> None:
    """Write the manifest of a search beside us, and say what to do with it.

    Raises:
        UserError: the search names data of this machine, or its run would go with the pods.
    """
    data = sorted(file for file in package.files if file.startswith(JOB))
    if data:
        raise UserError(
            f"the search names data of this machine ({Path(data[0]).name}, {len(data)} files in "
            f"all), which pods do not see: put them on the volume and name them by {SHARED}/..., "
            "or let the search generate its data"
        )
    if place == RUNS_OF_JOBS:
        raise UserError("the run would go with its pods: set storage: in the profile or the search")
    files = {file.removeprefix(JOB): text for file, text in package.texts.items() if JOB in file}
    there = f"{FILES}/{package.search_file.removeprefix(JOB)}"
    documents = ray_job(
        profile,
        name=name,
        command=search_command(there, name, place, database, may_be_repeated=True),
        files=files,
        environment={FOLDERS_VARIABLE: f"{FILES}/presets", **profile.environment},
        metadata=job_metadata(search, package, name, place),
    )
    target = Path(f"{name}.yaml")
    if target.exists():
        raise UserError(f"{target} is there already: choose another --name")
    write_text(target, "---\n".join(dump_yaml(one) for one in documents))
    of = f"-n {profile.namespace}"
    output().print(
        f"{target} is written: a RayJob of the image {profile.image}; its run lies in {place}\n"
        f"  kubectl create -f {target}\n"
        f"  kubectl get rayjob {kubernetes_name(name)} {of}\n"
        f"  kubectl logs -f -l job-name={kubernetes_name(name)} {of}\n"
        f"  kubectl delete -f {target}                  # ends it; created again, it goes on",
        soft_wrap=True,
    )
