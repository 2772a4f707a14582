"""The text of a Slurm batch script that starts Ray on its nodes and runs one command there.

A pure function of its parameters. The script may be run again after it was ended: Slurm does so
when a job was preempted, and the script asks for it when its time is up. So the command has to go
on with what it began. After `scancel` it is not run again, which only the words in the log tell
from a preemption.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

ENDED_BY_SIGNAL = 143
"""Exit code of a command that SIGTERM ended in order."""


@dataclass(frozen=True, kw_only=True)
class SlurmRay:
    """A command on a Ray cluster of its own.

    Attributes:
        name: of the job.
        folder: absolute, on a disk that all nodes see; the command runs in `folder/code`.
        command: the program and its arguments; RAY_ADDRESS tells it where Ray is.
        num_nodes: the head is one of them.
        num_gpus: of each node.
        num_cpus: of each node.
        memory_gb: of each node.
        hours: wall-clock limit; the command has two minutes before it to end in order.
        partition: None: Slurm's own.
        setup: lines of shell before anything else, such as `module load cuda`.
        environment: variables of the command and of its workers.
    """

    name: str
    folder: str
    command: tuple[str, ...]
    num_nodes: int = 2
    num_gpus: int = 0
    num_cpus: int = 8
    memory_gb: int = 32
    hours: int = 12
    partition: str | None = None
    setup: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def render_ray_script(job: SlurmRay) -> str:
    """Return the batch script.

    Raises:
        ValueError: a count is below its least value.
    """
    counts = {k: getattr(job, k) for k in ("num_nodes", "num_cpus", "memory_gb", "hours")}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}: a job needs at least 1")
    directives = [
        f"--job-name={job.name}",
        f"--nodes={job.num_nodes}",
        "--ntasks-per-node=1",
        *([f"--gpus-per-node={job.num_gpus}"] if job.num_gpus else []),
        f"--cpus-per-task={job.num_cpus}",
        f"--mem={job.memory_gb}G",
        f"--time={job.hours:02d}:00:00",
        *([f"--partition={job.partition}"] if job.partition else []),
        f"--output={job.folder}/job.log",
        "--open-mode=append",
        "--requeue",
        "--signal=B:TERM@120",
    ]
    lines = [
        "#!/usr/bin/env bash",
        *(f"#SBATCH {directive}" for directive in directives),
        "set -euo pipefail",
        f"folder={shlex.quote(job.folder)}",
        f"share=(--num-cpus={job.num_cpus} --num-gpus={job.num_gpus})",
        _TELL.strip(),
        *job.setup,
        *(f"export {name}={shlex.quote(value)}" for name, value in job.environment.items()),
        _START.strip().replace("NUM_CPUS", str(job.num_cpus)),
        f'{_WAIT} "$SLURM_JOB_NUM_NODES" "$folder/ray.log" \\\n    {shlex.join(job.command)} &',
        _END.strip().format(code=ENDED_BY_SIGNAL),
    ]
    return "\n".join(lines) + "\n"


_TELL = """
rm -f "$folder/exit_code" "$folder/stopped" "$folder/ray.log"
echo "$SLURM_JOB_ID" > "$folder/slurm_job"
# Whatever ends this script is told, also before the command begins.
trap 'echo "$?" > "$folder/exit_code"' EXIT
"""

_START = """
cd "$folder/code"
# Ray lets everybody write into its folder, so that lies in one that only this user may enter.
own="/tmp/tuner-slurm-$SLURM_JOB_ID"
export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token RAY_TMPDIR="$own/ray"
export PYTHONPATH="$folder/code${PYTHONPATH:+:$PYTHONPATH}"
# A token of this job's own; srun hands it on to the other nodes.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN
rm -rf "$own"
mkdir -m 700 "$own"

# Several jobs may share a node, so each has ports of its own, between those of Ray's workers and
# those that connections are given. Some nodes call themselves 127.0.1.1.
port=$((20000 + SLURM_JOB_ID % 4000 * 3))
head_ip=$( { hostname --ip-address; hostname --all-ip-addresses; } | tr ' ' '\\n' |
    awk '/^[0-9.]+$/ && !/^127\\./ && !ip { ip = $0 } END { print ip ? ip : "127.0.0.1" }')
export RAY_ADDRESS="$head_ip:$port"

env -u RAY_ADDRESS ray start --head --block --node-ip-address="$head_ip" --port="$port" \\
    --temp-dir="$RAY_TMPDIR" --dashboard-host=127.0.0.1 --dashboard-port=$((port + 1)) \\
    --dashboard-agent-listen-port=$((port + 2)) "${share[@]}" >> "$folder/ray.log" 2>&1 &
started=($!)
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    # Slurm's name of this node need not be its host name; and srun gives a task one core unless
    # it is told. A worker that comes before the head tries again for a minute.
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) \\
        --cpus-per-task=NUM_CPUS --exclude="$SLURMD_NODENAME" --kill-on-bad-exit=0 \\
        python -m cluster.slurm.join "$RAY_ADDRESS" "${share[@]}" >> "$folder/ray.log" 2>&1 &
    started+=($!)
fi

# Slurm's signal goes to this shell, which hands it to the command: that one ends in order.
asked=
end() { asked=yes; [ -z "${main:-}" ] || kill -TERM "$main" 2>/dev/null || true; }
trap end TERM INT
"""

_WAIT = "python -m cluster.slurm.wait_for_nodes"

_END = """
main=$!
[ -z "$asked" ] || kill -TERM "$main"
while :; do
    asked=
    code=0
    wait "$main" || code=$?
    [ -n "$asked" ] || break  # else a signal ended the waiting, not the command
done
# A job whose time is nearly up still runs; one that was preempted, or cancelled, does not.
goes_on() {{
    [ "$code" -eq {code} ] && [ ! -e "$folder/stopped" ] || return 1
    [ "$(squeue --noheader --format=%T --jobs "$SLURM_JOB_ID")" != RUNNING ] || return 0
    grep "CANCELLED AT" "$folder/job.log" | tail -n 1 | grep --quiet "DUE TO"
}}
again=
if goes_on; then
    again=yes
else
    # Told before Ray has ended, for which a cancelled job may have no time.
    [ "$code" -ne {code} ] || touch "$folder/stopped"
    echo "$code" > "$folder/exit_code"
fi
trap - EXIT
kill -TERM "${{started[@]}}" 2>/dev/null || true
wait "${{started[@]}}" 2>/dev/null || true
rm -rf "$own" || true
[ -z "$again" ] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
"""
