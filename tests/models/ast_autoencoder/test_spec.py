"""What the AST autoencoder declares of itself."""

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from models.ast_autoencoder.cost import cost_of, usual_cost
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.presets import find_preset, survey_presets
from models.programs.data.derive import count_nodes


def test_declaring_imports_no_torch():
    code = "import sys, models.ast_autoencoder.spec; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_main_metric_is_declared_with_its_floor():
    metrics = {metric.name: metric for metric in AST_AUTOENCODER.metrics}
    main = metrics[AST_AUTOENCODER.main_metric]
    assert (main.name, main.mode, main.floor) == ("val/exact_match_rate", "max", 0.0)


def test_losses_depend_on_what_is_left_out():
    for metric in AST_AUTOENCODER.metrics:
        if metric.name.endswith("loss"):
            assert metric.depends_on == ("max_decode_steps",)


def test_presets_are_those_of_the_guide_and_of_more_data():
    names = [preset.name for preset in survey_presets([AST_AUTOENCODER]).presets if preset.built_in]
    by_need = ["default", "small", "fast", "large", "gpu"]
    assert names == [*by_need, "program_reference", "program_best"]
    small = find_preset(AST_AUTOENCODER, "small").config
    assert (small.epochs, small.batch_size, small.hidden_dim, small.max_decode_steps) == (
        50, 4, 64, 50,
    )  # fmt: skip
    large = find_preset(AST_AUTOENCODER, "large").config
    assert (large.epochs, large.batch_size, large.hidden_dim, large.lr) == (20, 32, 256, 5e-4)


@pytest.mark.parametrize("name", ["default", "small", "large"])
def test_cost_counts_the_parameters_of_the_network(name):
    config = find_preset(AST_AUTOENCODER, name).config
    cost = usual_cost(config)
    assert cost.num_parameters == build_network(config).num_parameters
    assert cost.checkpoint_mb == pytest.approx(12 * cost.num_parameters / 1e6)


def test_more_programs_a_batch_take_more_memory(small):
    sizes = {"num_steps": 40, "num_rows": 100, "num_train_rows": 80}
    costs = [cost_of(small(batch_size=size), **sizes).memory_mb for size in (8, 256)]
    assert costs[0] < costs[1]


def test_counting_parameters_first_leaves_the_tables_whole():
    code = (
        "from models.presets import find_preset;"
        "from models.ast_autoencoder.spec import AST_AUTOENCODER;"
        "from models.ast_autoencoder.cost import usual_cost;"
        "usual_cost(find_preset(AST_AUTOENCODER, 'small').config);"
        "from models.programs.language.machine import ConstraintMachine;"
        "ConstraintMachine('cpu', 20)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_metrics_of_programs_that_are_not_there_are_absent_with_the_reason():
    dataset = load_dataset(DataConfig(num_programs=60, seed=1))
    sizes = [count_nodes(dataset.program(row).ids) for row in range(dataset.num_rows)]
    short, long = (np.nonzero(np.array(sizes) <= 40)[0], np.nonzero(np.array(sizes) > 60)[0])
    assert len(short) and len(long)

    def why(name, **changes):
        return AST_AUTOENCODER.metric(f"val/{name}").absent(dataclasses.replace(dataset, **changes))

    assert why("exact_match_rate_gt60", val=short) == (
        "there is no validation program of more than 60 nodes"
    )
    assert why("exact_match_rate_le40", val=long) == (
        "there is no validation program of up to 40 nodes"
    )
    both = np.concatenate([short, long])
    assert why("exact_match_rate_gt60", val=both) == why("exact_match_rate_le40", val=both) == ""
    assert why("all_examples_rate") == why("exact_match_rate") == ""
    bare = SimpleNamespace(has_examples=False)
    for name in ("val/all_examples_rate", "val/one_example_rate"):
        assert AST_AUTOENCODER.metric(name).absent(bare) == "these programs have no examples"
