#!/usr/bin/env bash
#SBATCH --job-name=kusner_original
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --output=logs/kusner_original_%j.out
#SBATCH --error=logs/kusner_original_%j.err
#SBATCH --signal=INT@120
#
# Kusner et al. 2017, as published.
#   sbatch models/grammar_vae/run_kusner_original.sh --prod ids.npy --masks masks_packed.npy
# Further flags of the training command may follow.
# Slurm opens the log files before this script runs: mkdir -p logs once.
set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-.}"
mkdir -p logs
if [ -d "${VENV:-.venv}" ]; then
    source "${VENV:-.venv}/bin/activate"
fi

# srun gives a task one core unless it is told how many the job has.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
exec srun python -m models.grammar_vae.train --config kusner_original --gpus 1 "$@"
