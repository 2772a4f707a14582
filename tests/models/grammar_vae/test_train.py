"""The training command: presets and flags, what it leaves on disk, Ctrl-C, kill -9, resume."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import models
from models.commands.process import run_command
from models.config_file import read_yaml, to_mapping
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.datasets.writing import write_dataset
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.train import TRAIN
from models.presets import find_preset
from models.training.checkpoints import read_checkpoint

ROOT = Path(models.__file__).parents[1]
DATA = ("--dataset", "equations", "--num_rows", "60", "--data_seed", "1")
NETWORK = (
    *("--z_dim", "4", "--encoder_hidden", "8", "--encoder_conv_layers", "2"),
    *("--encoder_kernel", "3", "--decoder_hidden", "8", "--decoder_layers", "1"),
    *("--batch_size", "16", "--precision", "float32"),
)


@pytest.fixture(autouse=True)
def _working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_PRESETS", raising=False)


@pytest.fixture
def train(capsys):
    """Run the command; returns its exit code, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        code = run_command(lambda: TRAIN.run([str(argument) for argument in arguments]))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def refusal(train):
    """Return the message with which the command refuses; nothing is left on disk."""

    def run(*arguments):
        code, _, err = train(*arguments)
        assert code == 2
        return err.rpartition("error: ")[2].rstrip("\n")

    return run


@pytest.fixture
def finished(train, tmp_path):
    """The folder of a finished run of two epochs."""
    assert train(*DATA, *NETWORK, "--epochs", 2, "--run_name", "first")[0] == 0
    return tmp_path / "training_artifacts" / "first"


@pytest.fixture
def script_accuracy(monkeypatch):
    """Let validations report the given accuracies, since nothing this small gets a row right.

    Each epoch's `elbo` is worse than the one before, so that of equals the earlier is the best.
    """

    def script(values):
        original, coming = GrammarVaeTask.evaluate, enumerate(values)

        def evaluate(self):
            index, accuracy = next(coming)
            return original(self) | {"seq_acc": accuracy, "elbo": -10.0 - index}

        monkeypatch.setattr(GrammarVaeTask, "evaluate", evaluate)

    return script


def metrics_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def state_of(folder):
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")["task"]


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_without_a_preset_the_defaults_hold():
    assert TRAIN.parse(DATA).model == GrammarVaeConfig()


def test_a_flag_beats_the_preset_and_the_preset_beats_the_default():
    preset = find_preset(GRAMMAR_VAE, "kusner_original").config
    model = TRAIN.parse([*DATA, "--config", "kusner_original", "--batch_size", "64"]).model
    assert model == dataclasses.replace(preset, batch_size=64)
    assert model.encoder_hidden == 9


def test_flags_before_the_preset_count_too():
    model = TRAIN.parse(["--batch_size", "64", "--config", "kusner_original", *DATA]).model
    assert (model.batch_size, model.decoder_hidden) == (64, 501)


def test_a_preset_of_the_user_is_taken_by_name(tmp_path):
    folder = tmp_path / "presets" / "grammar_vae"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("mine: {z_dim: 7, lr: 1e-4}\n")
    assert TRAIN.parse([*DATA, "--config", "mine"]).model == GrammarVaeConfig(z_dim=7, lr=1e-4)


OTHER_VALUES = {
    "description": "mine",
    "encoder_style": "plain",
    "encoder_pool": "flatten",
    "encoder_kernel": (2, 4, 6),
    "decoder_input": "repeat_latent",
    "decoder_position": True,
    "decoder_dropout": 0.25,
    "lr": 1e-4,
    "lr_schedule": "one_cycle",
    "clip_norm": 0.5,
    "precision": "bfloat16",
    "beta": 0.125,
    "cyclical_beta": True,
    "free_bits": 2.0,
}


def flags_of(key, value):
    if isinstance(value, bool):
        return [f"--{key}" if value else f"--no_{key}"]
    return [f"--{key}", *map(str, value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize("field", dataclasses.fields(GrammarVaeConfig), ids=lambda f: f.name)
def test_every_key_of_a_preset_is_a_flag(field):
    value = OTHER_VALUES.get(field.name, 3 if field.name == "encoder_conv_layers" else 5)
    model = TRAIN.parse([*DATA, *flags_of(field.name, value)]).model
    assert getattr(model, field.name) == value
    others = dataclasses.replace(model, **{field.name: field.default})
    assert others == GrammarVaeConfig()


def test_switches_can_be_turned_off_again(tmp_path):
    folder = tmp_path / "presets" / "grammar_vae"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("mine: {cyclical_beta: true, decoder_position: true}\n")
    model = TRAIN.parse([*DATA, "--config", "mine", "--no_cyclical_beta"]).model
    assert (model.cyclical_beta, model.decoder_position) == (False, True)


def test_help_explains_every_key_and_shows_the_presets_values(capsys):
    with pytest.raises(SystemExit, match="0"):
        TRAIN.parse(["--config", "kusner_original", "--help"])
    text = capsys.readouterr().out
    for field in dataclasses.fields(GrammarVaeConfig):
        assert re.search(rf"--{field.name}\b", text)
    assert "Latent dimensions. (default: 56)" in text
    assert re.search(r"GRU units\.\s+\(default: 501\)", text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no data: pass --prod ids.npy"),
        (("--config", "minimal"), "no data: pass --prod ids.npy"),
        (("--config", "mininal", *DATA), "unknown grammar_vae preset 'mininal'. Did you mean"),
        (("--prod", "nowhere.npy"), "there is no file nowhere.npy"),
        (("--prod", "nowhere.npy", *DATA), "give either dataset"),
        ((*DATA, "--masks", "m.npy"), "data.masks (m.npy) would be ignored"),
        ((*DATA, "--num_rows", "5"), "5 rows are too few to split 80/10/10"),
        ((*DATA, "--z_dim", "0"), "flags: z_dim is 0: give a value above 0"),
        ((*DATA, "--lr", "nan"), "flags: lr is nan: give a finite number"),
        ((*DATA, "--seed", str(2**63)), f"flags: seed is {2**63}: give a value below"),
        ((*DATA, "--gpus", "2"), "--gpus 2: a run trains on 0 or 1 GPU"),
        ((*DATA, "--gpus", "1"), "--gpus 1: torch sees no GPU on this machine: pass --gpus 0"),
        (("--resume", "nowhere.ckpt"), "nowhere.ckpt: no such checkpoint"),
        (("--resume", "a.ckpt", "--config", "minimal"), "leave out --config"),
    ],
)
def test_mistakes_are_told_and_leave_nothing_behind(
    refusal, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert message in refusal(*arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--z_dmi", "3"), "unknown flag --z_dmi. Did you mean '--z_dim'?"),
        (("--z_dim", "x"), "--z_dim x: give a whole number"),
        (("--z_dim",), "--z_dim: its value is missing: give a whole number"),
        (("--epochs", "1e1"), "--epochs 1e1: give a whole number, 10"),
        (("--encoder_style", "resid"), "--encoder_style resid: give one of residual, plain"),
        (("--dataset", "molecules"), "--dataset molecules: give one of pde, equations"),
        (("--encoder_kernel", "3", "5"), "encoder_kernel has 2 numbers ([3, 5])"),
        (("--cyclical_beta", "--cycle_epochs", "1"), "cycle_epochs is 1"),
        (("--cyclical_beta", "perhaps"), "--cyclical_beta perhaps: it is a switch"),
        (("--config",), "--config: its value is missing"),
        (("--encoder_kernel", "[3,x]"), "--encoder_kernel [3,x]: give one whole number, or"),
        (
            ("--decoder_layers", "1", "--decoder_dropout", "0.3"),
            "--decoder_dropout 0.3 would have no effect",
        ),
        (("--cycle_epochs", "5"), "--cycle_epochs 5 would have no effect: it is the length of the"),
        (("--beta", "0", "--free_bits", "1"), "--free_bits 1.0 would have no effect"),
        (("--lr_schedule", "plateau", "--epochs", "7"), "or take epochs above 7"),
        (("--wandb_run", "a"), "--wandb_run a would be ignored: name a project too"),
    ],
)
def test_malformed_flags_end_with_code_2(refusal, tmp_path, arguments, message):
    assert message in refusal(*DATA, *arguments)
    assert list(tmp_path.iterdir()) == []


KERNELS = ["3 5 7", "3,5,7", "[3,5,7]", "[3, 5, 7]", "'[3, 5, 7]'", '"3 5 7"', "(3,5,7)"]


@pytest.mark.parametrize("written", KERNELS)
@pytest.mark.parametrize("split", [True, False], ids=("words", "one word"))
def test_a_list_is_taken_as_people_write_it(written, split):
    words = written.split() if split else [written]
    assert TRAIN.parse([*DATA, "--encoder_kernel", *words]).model.encoder_kernel == (3, 5, 7)


def test_what_a_preset_sets_in_vain_is_noted(train):
    flags = (*DATA, *NETWORK, "--config", "large", "--epochs", 1)
    code, _, err = train(*flags)
    assert code == 0
    assert "note: decoder_dropout 0.2 has no effect: it drops features between the GRU's" in err
    assert "note:" not in train(*flags, "--decoder_dropout", 0)[2]


SWITCHES = [field.name for field in dataclasses.fields(GrammarVaeConfig) if field.type is bool]


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize(
    ("words", "on"),
    [
        (["--KEY"], True),
        (["--KEY", "true"], True),
        (["--KEY=True"], True),
        (["--KEY", "yes"], True),
        (["--KEY", "false"], False),
        (["--no_KEY"], False),
        (["--no_KEY", "false"], True),
    ],
)
def test_a_switch_takes_true_and_false(key, words, on):
    model = TRAIN.parse([*DATA, *(word.replace("KEY", key) for word in words)]).model
    assert getattr(model, key) is on


def test_a_run_leaves_settings_metrics_and_checkpoints(train, tmp_path):
    code, out, err = train(*DATA, *NETWORK, "--epochs", 3, "--save_top_k", 2, "--run_name", "a")
    assert code == 0
    folder = tmp_path / "training_artifacts" / "a"
    settings = read_yaml(folder / "run.yaml")
    assert settings["data"] | {"num_rows": 60, "data_seed": 1} == settings["data"]
    flags = TRAIN.parse([*DATA, *NETWORK, "--epochs", "3", "--save_top_k", "2"])
    assert settings["model"] == to_mapping(flags.model)
    history = metrics_of(folder)
    assert [line["epoch"] for line in history] == [1, 2, 3]
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    best = sorted(line["val/loss"] for line in history)[:2]
    assert {f"{value:.4f}" for value in best} == {
        name.split("-")[3].removesuffix(".ckpt") for name in names if "loss" in name
    }
    best_epoch = max(history, key=lambda line: line["val/elbo"])["epoch"]
    assert len(names) == 5
    lines = out.splitlines()
    assert re.fullmatch(
        r"custom: [\d,]+ parameters on \w+; equations: 48 training rows, .*", lines[0]
    )
    assert [line.split(" | ")[0] for line in lines[1:4]] == [
        "epoch 1/3", "epoch 2/3", "epoch 3/3",
    ]  # fmt: skip
    assert "prior samples: " in out
    # No row is exact yet, so the evidence lower bound decides.
    assert f"best checkpoint: training_artifacts/a/checkpoints/best-seq_acc-{best_epoch}-" in out
    assert "error" not in err


def test_the_same_command_trains_the_same_weights(train, tmp_path):
    for name in ("a", "b"):
        assert train(*DATA, *NETWORK, "--epochs", 2, "--run_name", name)[0] == 0
    folders = [tmp_path / "training_artifacts" / name for name in ("a", "b")]
    assert_same(state_of(folders[0]), state_of(folders[1]))


def test_arrays_on_disk_train_like_the_data_they_were_made_of(train, tmp_path, half_trained):
    files = write_dataset(half_trained.dataset, tmp_path / "data", masks=True)
    for name, masks in (("plain", ()), ("masked", ("--masks", files.masks))):
        given = ("--prod", files.ids, *masks, *NETWORK, "--epochs", 1, "--run_name", name)
        code, out, _ = train(*given)
        assert code == 0
        assert ": 40 training rows, 5 validation rows, up to 14 steps" in out
    payloads = [
        read_checkpoint(tmp_path / "training_artifacts" / name / "checkpoints" / "last.ckpt")
        for name in ("plain", "masked")
    ]
    assert_same(payloads[0]["task"], payloads[1]["task"])
    assert payloads[0]["data"]["digest"] == half_trained.dataset.digest


def test_a_name_that_is_taken_is_refused(refusal, finished):
    before = metrics_of(finished)
    message = refusal(*DATA, *NETWORK, "--run_name", "first")
    assert message == (
        "training_artifacts/first: exists already: choose another --run_name, or --resume"
    )
    assert metrics_of(finished) == before


def test_a_divergence_is_told_with_its_place(refusal):
    message = refusal(*DATA, *NETWORK, "--epochs", 2, "--lr", "1e20", "--run_name", "a")
    assert re.match(r"the \S.* is not finite at epoch 1, step 2: lower lr", message)


def test_training_that_learns_nothing_more_stops_early(train, script_accuracy):
    script_accuracy([0.0, 0.25, 0.25, 0.125, 0.5])
    code, out, _ = train(
        *DATA, *NETWORK, "--epochs", 9, "--early_stop_patience", 2, "--run_name", "a"
    )
    assert code == 0
    starred = [line.endswith(" *") for line in out.splitlines() if line.startswith("epoch")]
    assert starred == [True, True, False, False]
    assert "stopped early: val/seq_acc has not risen for 2 epochs" in out
    assert "best checkpoint: training_artifacts/a/checkpoints/best-seq_acc-2-0.2500.ckpt" in out


def test_a_finished_run_is_not_resumed_but_can_be_prolonged(train, refusal, finished):
    last = finished / "checkpoints" / "last.ckpt"
    assert refusal("--resume", last) == (
        f"{last}: already trained for 2 epochs: ask for more than 2 with --epochs"
    )
    assert train("--resume", last, "--epochs", 3)[0] == 0
    assert [line["epoch"] for line in metrics_of(finished)] == [1, 2, 3]
    assert read_yaml(finished / "run.yaml")["model"]["epochs"] == 3
    assert "already trained for 3 epochs" in refusal("--resume", last)


def test_a_prolonged_run_equals_one_that_was_planned_so(train, finished, tmp_path):
    last = finished / "checkpoints" / "last.ckpt"
    assert train("--resume", last, "--epochs", 4)[0] == 0
    assert train(*DATA, *NETWORK, "--epochs", 4, "--run_name", "straight")[0] == 0
    straight = tmp_path / "training_artifacts" / "straight"
    assert_same(state_of(finished), state_of(straight))
    timed = {"seconds", "train_seconds", "train/rows_per_s"}
    ours, theirs = (
        [{k: v for k, v in line.items() if k not in timed} for line in metrics_of(folder)]
        for folder in (finished, straight)
    )
    assert ours == theirs
    assert {p.name for p in last.parent.iterdir()} == {
        p.name for p in (straight / "checkpoints").iterdir()
    }


def test_resuming_an_earlier_checkpoint_forgets_what_came_later(train, finished):
    first = next((finished / "checkpoints").glob("best-loss-1-*.ckpt"))
    assert train("--resume", first, "--lr", "0.01")[0] == 0
    assert [line["epoch"] for line in metrics_of(finished)] == [1, 2]
    assert metrics_of(finished)[1]["train/lr"] == 0.01
    assert read_yaml(finished / "run.yaml")["model"]["lr"] == 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data_seed", "2"), "trained on other data (equations, digest "),
        (
            ("--z_dim", "5"),
            "the weights are of another architecture: z_dim is 4 there and 5 here",
        ),
        (("--lr", "1e20"), "is not finite at epoch 2"),
        (("--run_name", "b"), "--run_name b: --resume goes on in the folder of the checkpoint"),
        (("--artifacts_dir", "b"), "--artifacts_dir b: --resume goes on in the folder"),
    ],
)
def test_a_resume_that_is_refused_leaves_the_run_as_it_was(
    refusal, finished, tmp_path, arguments, message
):
    """Also when it would go back to an earlier epoch."""
    before = metrics_of(finished), (finished / "run.yaml").read_text()
    first = next((finished / "checkpoints").glob("best-loss-1-*.ckpt"))
    assert message in refusal("--resume", first, "--epochs", 9, *arguments)
    assert (metrics_of(finished), (finished / "run.yaml").read_text()) == before
    assert [path.name for path in (tmp_path / "training_artifacts").iterdir()] == ["first"]


def test_a_folder_goes_on_from_its_latest_checkpoint(train, refusal, finished):
    assert train("--resume", finished, "--epochs", 3)[0] == 0
    assert [line["epoch"] for line in metrics_of(finished)] == [1, 2, 3]
    (finished / "checkpoints" / "last.ckpt").unlink()
    assert train("--resume", finished, "--epochs", 4)[0] == 0
    assert [line["epoch"] for line in metrics_of(finished)] == [1, 2, 3, 4]
    for path in (finished / "checkpoints").iterdir():
        path.unlink()
    assert refusal("--resume", finished).endswith("holds no checkpoint to go on from: train anew")
    assert refusal("--resume", finished.parent).endswith(
        "not the folder of a run, since it holds no run.yaml: give the folder of a run or one of "
        "its checkpoints"
    )


def test_a_resumed_run_remembers_its_preset_and_device(train, tmp_path):
    """What the folder says holds, also for the run that goes on from the resumed one."""
    preset = ("--config", "minimal", "--gpus", 0, "--no_wandb", "--tensorboard")
    assert train(*DATA, *NETWORK, *preset, "--epochs", 1, "--run_name", "a")[0] == 0
    folder = tmp_path / "training_artifacts" / "a"
    for epoch in (2, 3):
        code, out, _ = train("--resume", folder, "--epochs", epoch)
        assert code == 0
        assert out.startswith("minimal: ")
        assert "TensorBoard: " in out
    settings = read_yaml(folder / "run.yaml")
    assert settings["run"] == {"preset": "minimal", "gpus": 0}
    assert settings["log"]["no_wandb"]


def test_a_folder_of_an_older_version_still_resumes(train, finished):
    text = (finished / "run.yaml").read_text()
    (finished / "run.yaml").write_text(text[: text.index("run:\n")])
    code, out, _ = train("--resume", finished, "--epochs", 3)
    assert code == 0
    assert out.startswith("custom: ")


def test_a_divergence_says_how_to_go_on(train, finished):
    code, out, _ = train("--resume", finished, "--epochs", 3, "--lr", "1e20")
    assert code == 2
    last = finished / "checkpoints" / "last.ckpt"
    assert out.splitlines()[-1] == (
        f"Go on with: python -m models.grammar_vae.train --resume {last}"
    )


def test_damaged_files_of_a_run_are_told(refusal, finished, tmp_path):
    last = finished / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    last.unlink()  # the best files are names of the same content
    last.write_bytes(content[: len(content) // 2])
    assert refusal("--resume", last).startswith(f"{last}: not a checkpoint, or damaged (")
    last.write_bytes(content)
    copy = tmp_path / "last.ckpt"
    copy.write_bytes(content)
    assert refusal("--resume", copy).startswith(f"{copy}: not inside RUN/checkpoints/")
    (finished / "run.yaml").write_text("data: {num_rows: many}\nmodel: {z_dim: 4}\n")
    assert "num_rows is 'many'" in refusal("--resume", last)


def test_best_value_is_remembered_over_a_resume(train, finished, script_accuracy):
    """An epoch that is worse than one before the interruption gets no star."""
    script_accuracy([0.5, 0.25, 0.25])
    train(*DATA, *NETWORK, "--epochs", 2, "--run_name", "b")
    last = finished.with_name("b") / "checkpoints" / "last.ckpt"
    _, out, _ = train("--resume", last, "--epochs", 3)
    assert [line.endswith("*") for line in out.splitlines() if line.startswith("epoch")] == [False]


@pytest.fixture
def start():
    """Start a training process with the code that runs it; ended at the end of the test."""
    processes = []

    def run(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(stream, text):
    for line in stream:
        if text in line:
            return
    pytest.fail(f"the process ended without '{text}'")


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(start, tmp_path):
    code = "from models.grammar_vae.train import main; main()"
    process = start(code, *DATA, *NETWORK, "--epochs", 100_000, "--run_name", "a")
    wait_for(process.stdout, "epoch      2/100000")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    last = "training_artifacts/a/checkpoints/last.ckpt"
    message = f"interrupted. Go on with: python -m models.grammar_vae.train --resume {last}"
    assert err.splitlines()[-1] == message
    assert "Traceback" not in err
    assert read_checkpoint(tmp_path / last)["epoch"] >= 1


WRITES_HALF_A_CHECKPOINT = """
import sys, torch
from models.grammar_vae.train import main

save = torch.save

def save_half(payload, file):
    save(payload, file)
    if payload["epoch"] == 3:
        file.truncate(1000)
        file.flush()
        print("in the middle of writing", flush=True)
        sys.stdin.read()  # until it is killed

torch.save = save_half
main()
"""


def test_a_run_killed_while_it_writes_a_checkpoint_resumes_to_the_same_weights(
    start, train, tmp_path
):
    settings = (*DATA, *NETWORK, "--epochs", 5, "--lr_schedule", "one_cycle", "--lr", "0.01")
    process = start(WRITES_HALF_A_CHECKPOINT, *settings, "--run_name", "killed")
    wait_for(process.stdout, "in the middle of writing")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    killed = tmp_path / "training_artifacts" / "killed"
    assert [line["epoch"] for line in metrics_of(killed)] == [1, 2, 3]
    last = killed / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["epoch"] == 2
    assert train("--resume", last)[0] == 0
    assert train(*settings, "--run_name", "straight")[0] == 0
    straight = tmp_path / "training_artifacts" / "straight"
    assert_same(state_of(killed), state_of(straight))
    assert [line["val/loss"] for line in metrics_of(killed)] == [
        line["val/loss"] for line in metrics_of(straight)
    ]
    assert {p.name for p in last.parent.iterdir()} == {
        p.name for p in (straight / "checkpoints").iterdir()
    }


def test_mistakes_in_flags_and_data_are_told_without_waiting_for_torch(start):
    code = (
        "import sys\nfrom models.grammar_vae.train import main\n"
        "try: main()\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    out, err = start(code, "--prod", "nowhere.npy").communicate()
    assert out == "2 False\n"
    assert err.startswith("error: there is no file nowhere.npy")
