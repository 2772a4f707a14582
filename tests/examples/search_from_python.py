"""A search from Python, from top to bottom: `python tests/examples/search_from_python.py`.

It takes about a minute on two cores, and leaves `runs/python` behind.
"""

from tuner import results, search

# %% A search is a mapping of the blocks that a search file has; a file's name could stand in front.
SEARCH = {
    "model": "grammar_vae",
    "preset": "minimal",
    "fixed": {"decoder_layers": 1, "kl_anneal_epochs": 0, "encoder_pool": "flatten"},
    "data": {"dataset": "equations", "num_rows": 300, "seed": 1},
    "space": {"lr": {"log_uniform": [1e-3, 1e-2]}, "z_dim": {"int": [8, 24], "step": 8}},
    "searcher": {"sampler": "qmc"},
    "scheduler": {"name": "asha", "max_epochs": 4, "grace_epochs": 1, "reduction_factor": 2},
    "budget": {"num_trials": 4},
}


def main() -> None:
    # %% It is checked before anything starts, and recorded as one that was typed.
    run = search(**SEARCH, name="python")
    print(f"{run.name}: {run.status}, {run.num_epochs} epochs in {run.paths.folder}")

    # %% Its trials are a pandas table, and so are their learning curves.
    trials = run.to_frame()
    print(trials[["number", "state", "val/recon", "params.lr", "params.z_dim"]].to_string())
    curves = run.to_frame(curves=True)
    print(curves.pivot(index="epoch", columns="number", values="val/recon").to_string())

    # %% What was recorded can be read at any time.
    again = results("python").to_frame()
    assert again.equals(trials)


if __name__ == "__main__":
    main()
