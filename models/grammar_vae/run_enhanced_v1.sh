#!/usr/bin/env bash
#SBATCH --job-name=enhanced_v1
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=06:00:00
#SBATCH --output=logs/enhanced_v1_%j.out
#SBATCH --error=logs/enhanced_v1_%j.err
#SBATCH --signal=INT@120
#
# Half the KL weight, slow annealing.
#   sbatch models/grammar_vae/run_enhanced_v1.sh --prod ids.npy --masks masks_packed.npy
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
exec srun python -m models.grammar_vae.train --config enhanced_v1 --gpus 1 "$@"
