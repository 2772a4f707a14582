"""What the Grammar-VAE declares of itself to a search; imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import (
    DataConfig,
    DerivationDataset,
    check_data,
    data_files,
    load_dataset,
)
from models.grammar_vae.effects import APPLIES
from models.training.contracts import Metric, ModelCost, ModelSpec, Task, share
from models.training.showcase import Showcase

_LOSS_KEYS = ("beta", "free_bits")

EXAMPLE = """\
from pathlib import Path
from models.grammar_vae.trained import load_model, reconstruct, sample

model = load_model(Path("{checkpoint}"))
print(reconstruct(model, sample(model, 5)))"""


def _without_grammar(dataset: DerivationDataset) -> str:
    has = dataset.grammar is not None
    return (
        "" if has else "the grammar of these ids is unknown, so nothing is sampled from the prior"
    )


METRICS = (
    share(
        name="val/seq_acc",
        mode="max",
        floor=0.0,
        doc="rows decoded exactly, free-running under the grammar, from the posterior mean",
    ),
    share(
        name="val/seq_acc_sampled",
        mode="max",
        floor=0.0,
        doc="the same from a sample of the posterior",
    ),
    share(name="val/token_acc", mode="max", doc="real steps decoded exactly"),
    Metric(name="val/elbo", mode="max", doc="evidence lower bound in nats a row, at beta 1"),
    Metric(name="val/recon", mode="min", doc="cross-entropy in nats a row"),
    Metric(name="val/kl", mode="min", doc="KL divergence to the prior in nats a row"),
    Metric(name="val/active_units", mode="max", doc="latent dimensions that carry information"),
    share(
        name="val/prior_unique",
        mode="max",
        absent=_without_grammar,
        doc="distinct rows among prior samples",
    ),
    share(
        name="val/prior_novel",
        mode="max",
        absent=_without_grammar,
        doc="prior samples not among the training rows",
    ),
    Metric(
        name="val/loss",
        mode="min",
        depends_on=_LOSS_KEYS,
        doc="recon + beta * max(kl, free_bits), at the preset's full beta",
    ),
)


def _build_task(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str, micro_batches: int = 1
) -> Task:
    from models.grammar_vae.task import GrammarVaeTask

    return GrammarVaeTask(config, dataset, device, micro_batches=micro_batches)


def _describe_cost(config: GrammarVaeConfig, dataset: DerivationDataset | None) -> ModelCost:
    from models.grammar_vae.cost import cost_of, describe_cost

    if dataset is None:
        return cost_of(config, num_productions=56, num_steps=97, num_train_rows=33_600)
    return describe_cost(config, dataset)


def _cost_as_trained(config: GrammarVaeConfig, checkpoint: Mapping[str, Any]) -> ModelCost:
    from models.grammar_vae.cost import cost_of

    steps, productions = checkpoint["num_steps"], checkpoint["num_productions"]
    return cost_of(config, num_productions=productions, num_steps=steps, num_train_rows=0)


def _showcase(checkpoint: Path, data: DataConfig) -> Showcase:
    from models.grammar_vae.showcase import showcase

    return showcase(checkpoint, data)


GRAMMAR_VAE = ModelSpec(
    name="grammar_vae",
    config_type=GrammarVaeConfig,
    data_type=DataConfig,
    presets_file=Path(__file__).with_name("configs.yaml"),
    metrics=METRICS,
    main_metric="val/seq_acc",
    secondary_metric="val/elbo",
    # Not val/elbo: while no row comes back whole, it is best where the posterior has collapsed
    # (measured: tests/benchmarks/LOG.md, "What tells trials apart at a rung").
    early_metric="val/recon",
    applies=APPLIES,
    changeable=("lr", "beta", "free_bits", "clip_norm", "decoder_dropout"),
    annealing={"kl_anneal_epochs": 1.0, "cycle_epochs": 0.5},  # a cycle rises in its first half
    check_data=check_data,
    data_files=data_files,
    load_data=load_dataset,
    build_task=_build_task,
    describe_cost=_describe_cost,
    cost_as_trained=_cost_as_trained,
    showcase=_showcase,
    usual_data="the 48,000 PDEs (56 productions, 97 steps)",
    example=EXAMPLE,
    limits="Every text that it writes is in its grammar, which says nothing of its meaning. It "
    "takes texts of its grammar only, with derivations no longer than those it was trained on. "
    "Trained on ids alone it has no text: `load_model` takes the grammar then.",
)
