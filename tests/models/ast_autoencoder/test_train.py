"""The training command: flags, presets, mistakes."""

import json

import pytest

from models.ast_autoencoder import train
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.errors import UserError


@pytest.fixture
def command(tmp_path):
    """Run the command in a folder of its own; return the folder of its run."""

    def run(*arguments):
        train._run(["--artifacts_dir", str(tmp_path), "--no_wandb", "--device", "cpu", *arguments])
        return next(tmp_path.glob("run_*"))

    return run


TINY = ["--num_programs", "30", "--hidden_dim", "16", "--latent_dim", "8", "--place_dim", "4"]


def test_defaults_are_those_of_the_guide():
    flags = train._parse(["--data_dir", "d"])
    model = flags.model
    assert (model.hidden_dim, model.encoder_layers, model.max_decode_steps) == (128, 3, 100)
    assert (model.epochs, model.batch_size, model.lr, model.seed) == (10, 8, 1e-3, 42)
    assert (flags.run.eval_interval, flags.run.log_interval, flags.run.device) == (1, 10, "auto")
    assert (flags.wandb_project, flags.wandb_run) == ("AST-Autoencoder", None)
    assert (str(flags.artifacts_dir), flags.no_wandb) == ("training_artifacts", False)


def test_flags_of_the_guide_are_taken():
    arguments = (
        "--data_dir d --epochs 50 --batch_size 16 --lr 5e-4 --hidden_dim 256 --eval_interval 5 "
        "--log_interval 5 --wandb_run large --wandb_project mine --device cpu"
    )
    flags = train._parse(arguments.split())
    assert flags.model == AstAutoencoderConfig(epochs=50, batch_size=16, lr=5e-4, hidden_dim=256)
    assert (flags.run.eval_interval, flags.run.log_interval) == (5, 5)
    assert (flags.wandb_project, flags.wandb_run) == ("mine", "large")


def test_a_run_keeps_what_repeats_it(command):
    folder = command(*TINY, "--epochs", "1", "--batch_size", "16")
    config = json.loads((folder / "config.json").read_text())
    assert config["data"] == {"data_dir": None, "num_programs": 30, "seed": 42}
    assert config["model"]["hidden_dim"] == 16
    assert config["device"] == "cpu"
    assert "torch" in config["versions"]


def test_a_resumed_run_takes_settings_and_data_from_its_folder(command):
    folder = command(*TINY, "--epochs", "5", "--batch_size", "16")
    flags = train._parse(["--resume", str(folder / "checkpoint_epoch_5.pt"), "--epochs", "6"])
    assert (flags.model.hidden_dim, flags.model.epochs, flags.num_programs) == (16, 6, 30)
    assert flags.run.device == "cpu"
    train._run(["--resume", str(folder / "checkpoint_epoch_5.pt"), "--epochs", "6", "--no_wandb"])
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_examples_are_judged(command):
    folder = command(*TINY, "--epochs", "1", "--batch_size", "16")
    metrics = json.loads((folder / "metrics.jsonl").read_text())
    for name in ("one_example_rate", "all_examples_rate"):
        for of in ("", "constant_", "neighbour_"):
            assert 0 <= metrics[f"val/{of}{name}"] <= 1
    row = json.loads((folder / "validation_epoch_1.json").read_text())["programs"][0]
    assert 0 <= row["examples_passed"] <= row["examples"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no data: pass --data_dir FOLDER"),
        (["--data_dir", "d", "--lr", "-1"], "lr"),
        (["--data_dir", "d", "--log_interval", "0"], "log_interval"),
        (["--data_dir", "nowhere"], "nowhere"),
        (["--resume", "nowhere/x.pt"], r"no config\.json beside it"),
        (["--resume", "x.pt", "--config", "small"], "leave out --config"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(UserError, match=message):
        train._run(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hiden_dim", "8"], "unknown flag --hiden_dim. Did you mean '--hidden_dim'"),
        (["--hidden_dim", "16.5"], "--hidden_dim 16.5: give a whole number$"),
        (["--decoder_kind", "lstm"], "--decoder_kind lstm: give one of gru, transformer"),
        (["--device", "gpu"], r"--device gpu: give one of auto, cpu, cuda, mps\.$"),
        (
            ["--tensorboard", "maybe"],
            "write --tensorboard to turn it on, --no_tensorboard to turn it",
        ),
        (["--hidden_dim", "30"], "hidden_dim is 30: choose a multiple of 4"),
        (["--eval_interval", "0"], "eval_interval is 0"),
        (
            ["--lr_schedule", "plateau", "--epochs", "7"],
            "plateau would have no effect: it waits for",
        ),
        (["--batch_size", "8", "16"], "--batch_size 8 16: it takes one value, not 2"),
    ],
)
def test_malformed_flags_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        train._run(["--data_dir", "d", *arguments])


@pytest.mark.parametrize("switch", ["no_wandb", "tensorboard"])
@pytest.mark.parametrize(("value", "on"), [("true", True), ("false", False)])
def test_a_switch_takes_true_and_false(switch, value, on):
    assert getattr(train._parse(["--data_dir", "d", f"--{switch}", value]), switch) is on
