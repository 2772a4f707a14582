#!/usr/bin/env bash
# The whole way once: data, a search, its leaderboard, the best two beside the preset to beat on fresh
# seeds, presets of those that win, what the first one decodes.
# Every command is shown before it runs, as one types it, so that it can be typed again with other values.
set -euo pipefail

run() {
    local word
    printf '\n$'
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./=:+-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@"
}

name="quickstart-$(date +%Y%m%d-%H%M%S)"
prod=data/quickstart/prod_4000_ids_int16.npy

# What a preset that a search found gives, without any training: its weights ship with it.
run python -m models.grammar_vae.use sample --model pde_latent --num 5
run python -m models.grammar_vae.use reconstruct --model pde_small \
    --notation loose --text "u_t + u*u_x = 0.257u_xx"

if [ ! -f "$prod" ]; then
    run python -m models.grammar_vae.build_dataset \
        --dataset equations --n 4000 --seed 42 --out data/quickstart
fi
run tuner search grammar_vae/quickstart --name "$name" --set "data={prod: $prod}"
status=0
run tuner promote "$name" --top 2 --confirm_seeds 2 || status=$?
if [ "$status" = 1 ]; then  # none wins on so few seeds: show the best one all the same
    run tuner promote "$name" --no_confirm
elif [ "$status" != 0 ]; then
    exit "$status"
fi
run python -m models.grammar_vae.use reconstruct --model "$name-1" --prod "$prod" --num 10
run tuner report "$name"

cat <<TEXT

Where everything lies
  data                data/quickstart
  the search          runs/$name
  the proof           runs/$name/confirmations.json
  the new presets     presets/grammar_vae/$name-*.yaml, checkpoints and a card beside each
  the report          runs/$name/report.html

What to type next (after: source .venv/bin/activate)
  tuner show $name
  tuner presets
  python -m models.grammar_vae.use sample --model $name-1 --num 20
  python -m models.grammar_vae.train --config $name-1 --prod $prod --epochs 40
  tuner check grammar_vae/beta_annealing
TEXT
