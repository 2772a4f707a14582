"""The training command: flags, presets, mistakes."""

import json
import re
import shutil

import pytest
import torch

from models.ast_autoencoder import train
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.errors import UserError

pytestmark = pytest.mark.usefixtures("programs_once")

TINY = ["--num_programs", "30", "--hidden_dim", "16", "--latent_dim", "8", "--place_dim", "4"]


@pytest.fixture
def command(tmp_path):
    """Run the command in a folder of its own; return the folder of its run."""

    def run(*arguments):
        train.TRAIN.run(
            ["--artifacts_dir", str(tmp_path), "--no_wandb", "--device", "cpu", *arguments]
        )
        return next(tmp_path.glob("run_*"))

    return run


def _trained(place, *arguments):
    where = ("--artifacts_dir", str(place), "--no_wandb", "--device", "cpu")
    train.TRAIN.run([*where, *TINY, "--batch_size", "16", *arguments])
    return next(place.glob("run_*"))


@pytest.fixture(scope="module")
def trained_once(programs_once, tmp_path_factory):
    """Return the folder of a run of one epoch; change nothing."""
    return _trained(tmp_path_factory.mktemp("once"), "--epochs", "1")


@pytest.fixture(scope="module")
def trained_twice(programs_once, tmp_path_factory):
    """Return the folder of a run of two epochs with a checkpoint of the first; change nothing."""
    folder = _trained(tmp_path_factory.mktemp("twice"), "--epochs", "2", "--log_interval", "1")
    first = torch.load(folder / "final_model.pt", weights_only=True)
    first |= {"epoch": 1, "progress": {**first["progress"], "epoch": 1}}
    torch.save(first, folder / "checkpoint_epoch_1.pt")
    return folder


@pytest.fixture
def folder(trained_once, tmp_path):
    """A copy of the folder of a run of one epoch."""
    return shutil.copytree(trained_once, tmp_path / trained_once.name)


def test_defaults_are_those_of_the_guide():
    flags = train.TRAIN.parse(["--data_dir", "d"])
    model = flags.model
    assert (model.hidden_dim, model.encoder_layers, model.max_decode_steps) == (128, 3, 100)
    assert (model.epochs, model.batch_size, model.lr, model.seed) == (10, 8, 1e-3, 42)
    assert (flags.run.eval_interval, flags.run.log_interval, flags.run.device) == (1, 10, "auto")
    assert (flags.log.wandb_project, flags.log.wandb_run) == ("AST-Autoencoder", None)
    assert (str(flags.artifacts_dir), flags.log.no_wandb) == ("training_artifacts", False)


def test_flags_of_the_guide_are_taken():
    arguments = (
        "--data_dir d --epochs 50 --batch_size 16 --lr 5e-4 --hidden_dim 256 --eval_interval 5 "
        "--log_interval 5 --wandb_run large --wandb_project mine --device cpu"
    )
    flags = train.TRAIN.parse(arguments.split())
    assert flags.model == AstAutoencoderConfig(epochs=50, batch_size=16, lr=5e-4, hidden_dim=256)
    assert (flags.run.eval_interval, flags.run.log_interval) == (5, 5)
    assert (flags.log.wandb_project, flags.log.wandb_run) == ("mine", "large")


def test_a_run_keeps_what_repeats_it(trained_once):
    config = json.loads((trained_once / "config.json").read_text())
    assert config["data"] == {"data_dir": None, "num_programs": 30, "seed": 42}
    assert config["model"]["hidden_dim"] == 16
    assert config["device"] == "cpu"
    assert "torch" in config["versions"]


def test_a_resumed_run_takes_settings_and_data_from_its_folder(folder):
    resume = ["--resume", str(folder / "final_model.pt"), "--epochs", "2"]
    flags = train.TRAIN.parse(resume)
    assert (flags.model.hidden_dim, flags.model.epochs, flags.num_programs) == (16, 2, 30)
    assert flags.run.device == "cpu"
    train.TRAIN.run([*resume, "--no_wandb"])
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_a_resumed_run_remembers_its_preset_sinks_and_intervals(command, capsys):
    """What the folder says holds, also for the run that goes on from the resumed one."""
    tiny = [*TINY, "--batch_size", "16", "--epochs", "1"]
    folder = command("--config", "fast", *tiny, "--log_interval", "3", "--tensorboard")
    assert "fast: " in capsys.readouterr().out
    for epoch in (2, 3):
        train.TRAIN.run(["--resume", str(folder), "--epochs", str(epoch)])
        out = capsys.readouterr().out
        assert "fast: " in out
        assert "W&B" not in out
        assert "TensorBoard: " in out
    config = json.loads((folder / "config.json").read_text())
    assert config["preset"] == "fast"
    assert (config["log"]["no_wandb"], config["log"]["tensorboard"]) == (True, True)
    assert config["run"] == {"eval_interval": 1, "log_interval": 3, "device": "cpu"}
    assert config["model"]["epochs"] == 3


def test_wandb_and_tensorboard_can_be_switched_again(folder):
    config = json.loads((folder / "config.json").read_text())
    config["log"]["tensorboard"] = True
    (folder / "config.json").write_text(json.dumps(config))
    flags = train.TRAIN.parse(["--resume", str(folder), "--no_wandb", "--no_tensorboard"])
    assert (flags.log.no_wandb, flags.log.tensorboard) == (True, False)
    flags = train.TRAIN.parse(["--resume", str(folder), "--wandb_project", "mine"])
    assert (flags.log.no_wandb, flags.log.wandb_project) == (False, "mine")
    flags = train.TRAIN.parse(["--resume", str(folder), "--wandb_project", "mine", "--no_wandb"])
    assert flags.log.no_wandb


def test_a_folder_of_an_older_version_still_resumes(folder, capsys):
    config = json.loads((folder / "config.json").read_text())
    for key in ("log", "preset"):
        del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    train.TRAIN.run(["--resume", str(folder), "--epochs", "2", "--no_wandb"])
    assert "custom: " in capsys.readouterr().out


def test_data_are_found_again_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path)
    data = train.TRAIN.data(train.TRAIN.parse(["--data_dir", "d"]))
    assert data.data_dir == str(tmp_path.resolve() / "d")


def test_a_folder_goes_on_from_its_latest_checkpoint(trained_twice, tmp_path):
    folder = shutil.copytree(trained_twice, tmp_path / trained_twice.name)
    final = torch.load(folder / "final_model.pt", weights_only=True)
    train.TRAIN.run(["--resume", str(folder), "--epochs", "3"])
    again = torch.load(folder / "final_model.pt", weights_only=True)
    assert (final["epoch"], again["epoch"]) == (2, 3)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_a_folder_without_a_checkpoint_is_told(folder):
    for path in folder.glob("*.pt"):
        path.unlink()
    with pytest.raises(UserError, match="holds no checkpoint to go on from: train anew"):
        train.TRAIN.run(["--resume", str(folder), "--epochs", "2"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden_dim", "32"], "hidden_dim is 16 there and 32 here: leave out --hidden_dim"),
        (["--latent_dim", "16", "--decoder_layers", "2"], "leave out --latent_dim and --decoder_"),
        (["--data_seed", "7"], "trained on other data .*: pass the same --data_dir"),
        (["--artifacts_dir", "b"], "--artifacts_dir b: --resume goes on in the folder"),
        (["--epochs", "1"], "already trained for 1 epoch: ask for more"),
        (["--lr", "1e30"], "not finite at epoch 2"),
    ],
)
def test_a_resume_that_fails_leaves_the_run_as_it_was(trained_twice, capsys, arguments, message):
    """Also when it would go back to an earlier epoch, and where it would log to W&B."""
    folder = trained_twice
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    resume = ["--resume", str(folder / "checkpoint_epoch_1.pt"), "--epochs", "9"]
    with pytest.raises(UserError, match=message) as caught:
        train.TRAIN.run([*resume, "--wandb_project", "mine", *arguments])
    assert len(str(caught.value).splitlines()) == 1
    assert "W&B" not in capsys.readouterr().out
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_divergence_says_how_to_go_on(folder, capsys):
    with pytest.raises(UserError, match="is not finite at epoch 2"):
        train.TRAIN.run(["--resume", str(folder), "--epochs", "3", "--lr", "1e30"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        rf"Go on with: python -m models.ast_autoencoder.train --resume {folder}/\w+_model.pt", last
    )


def test_examples_are_judged(trained_once):
    metrics = json.loads((trained_once / "metrics.jsonl").read_text())
    for name in ("one_example_rate", "all_examples_rate"):
        for of in ("", "constant_", "neighbour_"):
            assert 0 <= metrics[f"val/{of}{name}"] <= 1
    row = json.loads((trained_once / "validation_epoch_1.json").read_text())["programs"][0]
    assert 0 <= row["examples_passed"] <= row["examples_run"] <= row["examples"]
    assert row["undefined"] == []
    assert metrics["val/all_examples_rate"] <= metrics["val/run_rate"] <= 1
    assert "val/run_rate_le20" in metrics


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no data: pass --data_dir FOLDER"),
        (["--data_dir", "d", "--lr", "-1"], "lr"),
        (["--data_dir", "d", "--log_interval", "0"], "log_interval"),
        (["--data_dir", "nowhere"], "nowhere"),
        (["--resume", "nowhere/x.pt"], r"no config\.json beside it"),
        (["--resume", "x.pt", "--config", "small"], "leave out --config"),
        (["--resume", "."], r"not the folder of a run, since it holds no config\.json"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(UserError, match=message):
        train.TRAIN.run(arguments)


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
        train.TRAIN.run(["--data_dir", "d", *arguments])


@pytest.mark.parametrize("switch", ["no_wandb", "tensorboard"])
@pytest.mark.parametrize(("value", "on"), [("true", True), ("false", False)])
def test_a_switch_takes_true_and_false(switch, value, on):
    assert getattr(train.TRAIN.parse(["--data_dir", "d", f"--{switch}", value]).log, switch) is on
