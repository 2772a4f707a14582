#!/usr/bin/env bash
#SBATCH --job-name=first
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --partition=gpu
#SBATCH --output=/shared/jobs/first/job.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail
folder=/shared/jobs/first
share=(--num-cpus=8 --num-gpus=4)
rm -f "$folder/exit_code" "$folder/stopped" "$folder/ray.log"
echo "$SLURM_JOB_ID" > "$folder/slurm_job"
# Whatever ends this script is told, also before the command begins.
trap 'echo "$?" > "$folder/exit_code"' EXIT
module load cuda
export TUNER_PRESETS='job/my presets'
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
head_ip=$( { hostname --ip-address; hostname --all-ip-addresses; } | tr ' ' '\n' |
    awk '/^[0-9.]+$/ && !/^127\./ && !ip { ip = $0 } END { print ip ? ip : "127.0.0.1" }')
export RAY_ADDRESS="$head_ip:$port"

env -u RAY_ADDRESS ray start --head --block --node-ip-address="$head_ip" --port="$port" \
    --temp-dir="$RAY_TMPDIR" --dashboard-host=127.0.0.1 --dashboard-port=$((port + 1)) \
    --dashboard-agent-listen-port=$((port + 2)) "${share[@]}" >> "$folder/ray.log" 2>&1 &
started=($!)
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    # Slurm's name of this node need not be its host name; and srun gives a task one core unless
    # it is told. A worker that comes before the head tries again for a minute.
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) \
        --cpus-per-task=8 --exclude="$SLURMD_NODENAME" --kill-on-bad-exit=0 \
        python -m cluster.slurm.join "$RAY_ADDRESS" "${share[@]}" >> "$folder/ray.log" 2>&1 &
    started+=($!)
fi

# Slurm's signal goes to this shell, which hands it to the command: that one ends in order.
asked=
end() { asked=yes; [ -z "${main:-}" ] || kill -TERM "$main" 2>/dev/null || true; }
trap end TERM INT
python -m cluster.slurm.wait_for_nodes "$SLURM_JOB_NUM_NODES" "$folder/ray.log" \
    python -m tuner search '/job/a b.yaml' --or_resume &
main=$!
[ -z "$asked" ] || kill -TERM "$main"
while :; do
    asked=
    code=0
    wait "$main" || code=$?
    [ -n "$asked" ] || break  # else a signal ended the waiting, not the command
done
# A job whose time is nearly up still runs; one that was preempted, or cancelled, does not.
goes_on() {
    [ "$code" -eq 143 ] && [ ! -e "$folder/stopped" ] || return 1
    [ "$(squeue --noheader --format=%T --jobs "$SLURM_JOB_ID")" != RUNNING ] || return 0
    grep "CANCELLED AT" "$folder/job.log" | tail -n 1 | grep --quiet "DUE TO"
}
again=
if goes_on; then
    again=yes
else
    # Told before Ray has ended, for which a cancelled job may have no time.
    [ "$code" -ne 143 ] || touch "$folder/stopped"
    echo "$code" > "$folder/exit_code"
fi
trap - EXIT
kill -TERM "${started[@]}" 2>/dev/null || true
wait "${started[@]}" 2>/dev/null || true
rm -rf "$own" || true
[ -z "$again" ] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
