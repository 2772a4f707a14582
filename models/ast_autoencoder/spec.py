"""What the AST autoencoder declares of itself to a search; imports no torch."""

from collections.abc import Callable
from pathlib import Path

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig, ProgramDataset, check_data, load_dataset
from models.ast_autoencoder.effects import APPLIES
from models.programs.data.derive import count_nodes
from models.training.contracts import Metric, ModelCost, ModelSpec, Task, share
from models.training.showcase import Showcase

EXAMPLE = """\
from pathlib import Path
from models.ast_autoencoder.trained import decode, load_model, random_latents
from models.programs.language.to_source import ids_to_source
model = load_model(Path("{checkpoint}"))
print(*map(ids_to_source, decode(model, random_latents(model, 5))))"""


def _without_short(dataset: ProgramDataset) -> str:
    return _without(dataset, "of up to 40 nodes", lambda num_nodes: num_nodes <= 40)


def _without_long(dataset: ProgramDataset) -> str:
    return _without(dataset, "of more than 60 nodes", lambda num_nodes: num_nodes > 60)


def _without(dataset: ProgramDataset, which: str, is_one: Callable[[int], bool]) -> str:
    rows = (dataset.ids[row, : dataset.lengths[row]].tolist() for row in dataset.val)
    has = any(is_one(count_nodes(row)) for row in rows)
    return "" if has else f"there is no validation program {which}"


def _without_examples(dataset: ProgramDataset) -> str:
    return "" if dataset.has_examples else "these programs have no examples"


METRICS = (
    share(
        name="val/exact_match_rate",
        mode="max",
        floor=0.0,
        doc="programs given back exactly, up to the names of variables, decoding free-running",
    ),
    share(
        name="val/exact_match_rate_le40",
        mode="max",
        floor=0.0,
        absent=_without_short,
        doc="the same of programs of up to 40 nodes",
    ),
    share(
        name="val/exact_match_rate_gt60",
        mode="max",
        floor=0.0,
        absent=_without_long,
        doc="the same of programs of more than 60 nodes, where the data have any",
    ),
    share(
        name="val/similarity_score",
        mode="max",
        doc="1 - edit distance / length, in productions, of programs and what they decode to",
    ),
    share(
        name="val/all_examples_rate",
        mode="max",
        floor=0.0,
        absent=_without_examples,
        doc="decoded programs that satisfy all hidden examples of the original",
    ),
    share(
        name="val/one_example_rate",
        mode="max",
        floor=0.0,
        absent=_without_examples,
        doc="decoded programs that satisfy one hidden example or more",
    ),
    share(
        name="val/compilation_rate",
        mode="max",
        doc="decoded programs that Python compiles; 1 by construction",
    ),
    share(
        name="val/undefined_name_rate",
        mode="min",
        doc="decoded programs that may read a name without a value, on some path through them; "
        "0 by construction",
    ),
    share(
        name="val/run_rate",
        mode="max",
        doc="runs of decoded programs on hidden inputs that end with a value, right or wrong, not "
        "with an exception or at a limit; programs that are too long count as not running",
    ),
    Metric(
        name="val/reconstruction_loss",
        mode="min",
        depends_on=("max_decode_steps",),
        doc="cross-entropy in nats a program, of programs within max_decode_steps",
    ),
    Metric(
        name="val/loss",
        mode="min",
        depends_on=("max_decode_steps",),
        doc="what training minimises: the reconstruction loss",
    ),
)


def _build_task(
    config: AstAutoencoderConfig, dataset: ProgramDataset, device: str, micro_batches: int = 1
) -> Task:
    from models.ast_autoencoder.task import AstAutoencoderTask

    return AstAutoencoderTask(config, dataset, device, micro_batches=micro_batches)


def _describe_cost(config: AstAutoencoderConfig, dataset: ProgramDataset | None) -> ModelCost:
    from models.ast_autoencoder.cost import describe_cost, usual_cost

    return usual_cost(config) if dataset is None else describe_cost(config, dataset)


def _showcase(checkpoint: Path, data: DataConfig) -> Showcase:
    from models.ast_autoencoder.showcase import showcase

    return showcase(checkpoint, data)


AST_AUTOENCODER = ModelSpec(
    name="ast_autoencoder",
    config_type=AstAutoencoderConfig,
    data_type=DataConfig,
    presets_file=Path(__file__).with_name("configs.yaml"),
    metrics=METRICS,
    main_metric="val/exact_match_rate",
    secondary_metric="val/similarity_score",
    changeable=("lr", "clip_norm", "dropout", "latent_noise"),
    applies=APPLIES,
    check_data=check_data,
    load_data=load_dataset,
    build_task=_build_task,
    describe_cost=_describe_cost,
    showcase=_showcase,
    usual_data="1,000 programs of up to 100 steps",
    example=EXAMPLE,
    limits="Every program that it writes compiles, ends and type-checks, and may still be another "
    "one than was meant, or raise. It takes programs of its subset of Python only, no longer than "
    "max_decode_steps.",
)
