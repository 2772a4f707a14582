"""What the text VAE declares of itself; imports no torch."""

from pathlib import Path

from models.training.contracts import Metric, ModelCost, ModelSpec, Task, share
from text_vae.config import TextVaeConfig
from text_vae.data import TextDataConfig, TextDataset, check_data, load_dataset


def _build_task(
    config: TextVaeConfig, dataset: TextDataset, device: str, micro_batches: int = 1
) -> Task:
    from text_vae.task import TextVaeTask

    return TextVaeTask(config, dataset, device, micro_batches)


def _describe_cost(config: TextVaeConfig, dataset: TextDataset | None) -> ModelCost:
    from text_vae.task import describe_cost

    return describe_cost(config, dataset)


TEXT_VAE = ModelSpec(
    name="text_vae",
    package="text_vae",
    config_type=TextVaeConfig,
    data_type=TextDataConfig,
    presets_file=Path(__file__).with_name("presets.yaml"),
    metrics=(
        share(name="val/seq_acc", mode="max", floor=0.0, doc="lines written exactly"),
        Metric(name="val/recon", mode="min", doc="cross-entropy in nats a line, from the mean"),
        Metric(name="val/kl", mode="min", doc="KL divergence to the prior in nats a line"),
        Metric(name="val/loss", mode="min", depends_on=("beta",), doc="recon + beta * kl"),
    ),
    main_metric="val/seq_acc",
    secondary_metric="val/recon",
    check_data=check_data,
    load_data=load_dataset,
    build_task=_build_task,
    describe_cost=_describe_cost,
    usual_data="1,000 lines of 20 characters",
)
