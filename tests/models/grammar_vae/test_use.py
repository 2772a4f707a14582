"""The command that uses a trained model: what it takes, prints and refuses."""

import gzip
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from models.commands.process import run_command
from models.config_file import dump_yaml
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar_vae import train, trained
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.datasets.writing import write_dataset
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import decode, interpolate, load_model, reconstruct, sample
from models.grammar_vae.use import _run, find_checkpoint
from models.training.checkpoints import write_checkpoint


@pytest.fixture
def use(checkpoint, capsys):
    """Run the command on the checkpoint; returns exit code, lines of stdout and stderr."""

    def run(name, *arguments, model=checkpoint):
        given = [name, "--model", str(model), *map(str, arguments)]
        capsys.readouterr()
        code = run_command(lambda: _run(given))
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err

    return run


@pytest.fixture
def refusal(use):
    """Return the message with which the command refuses."""

    def run(*arguments, **options):
        code, lines, message = use(*arguments, **options)
        assert (code, lines) == (2, [])
        assert message.startswith("error: ")
        return message.removeprefix("error: ").rstrip("\n")

    return run


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture(scope="module")
def prod(half_trained, tmp_path_factory):
    return write_dataset(half_trained.dataset, tmp_path_factory.mktemp("ids"), masks=False).ids


def test_samples_are_one_a_line(use, model):
    assert use("sample", "--num", 4, "--seed", 3) == (0, sample(model, 4, seed=3), "")


def test_interpolation_is_one_a_line(use, model):
    points = interpolate(model, "x", "1 + 2", 5)
    assert use("interpolate", "--first", "x", "--last", "1 + 2", "--num", 5) == (0, points, "")


def test_encoded_texts_decode_from_the_file(use, model, tmp_path):
    out = tmp_path / "new" / "latents.npz"
    code, lines, _ = use("encode", "--text", "x", "1 + 2", "--out", out)
    assert (code, lines) == (0, [f"{out}: latents (2, 12), texts (2,)"])
    with np.load(out) as stored:
        assert stored["texts"].tolist() == ["x", "1 + 2"]
    assert use("decode", "--latents", out) == (0, reconstruct(model, ["x", "1 + 2"]), "")


def test_a_file_is_written_under_the_name_that_was_given(use, tmp_path):
    assert use("encode", "--text", "x", "--out", tmp_path / "latents")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["latents"]


def test_texts_may_come_from_a_file(use, tmp_path):
    (tmp_path / "texts").write_text("x\nsin( x )\n", encoding="utf-8")
    out = tmp_path / "l.npz"
    code, lines, _ = use("encode", "--file", tmp_path / "texts", "--out", out)
    assert (code, lines) == (0, [f"{out}: latents (2, 12), texts (2,)"])


def test_texts_may_come_from_standard_input(use, refusal, tmp_path, monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    out = tmp_path / "l.npz"
    give(gzip.compress(b"x\n\nsin( x )\n"))
    code, lines, said = use("encode", "--file", "-", "--out", out)
    assert (code, lines) == (0, [f"{out}: latents (2, 12), texts (2,)"])
    assert said.startswith("standard input: 1 blank line is skipped")
    give(b"")
    assert refusal("encode", "--file", "-", "--out", out).startswith("standard input has no rows")
    monkeypatch.setattr(sys, "stdin", None)
    assert "there is none: give a file" in refusal("encode", "--file", "-", "--out", out)


def test_a_plain_array_of_latents_decodes(use, model, tmp_path):
    latents = np.random.default_rng(0).standard_normal((3, 12))
    np.save(tmp_path / "z.npy", latents)
    assert use("decode", "--latents", tmp_path / "z.npy")[1] == decode(model, latents)


def test_reconstruction_marks_what_came_back(use, half_trained, prod):
    dataset = half_trained.dataset
    code, lines, _ = use("reconstruct", "--prod", prod, "--split", "train", "--num", 40)
    right = round(40 * half_trained.validation_of(dataset.train)()["seq_acc"])
    assert code == 0
    marks = [line[0] for line in lines[1:-1]]
    assert (marks.count("="), marks.count("x")) == (right, 40 - right)
    assert lines[-1] == f"{right} of 40 exact"
    for line, row in zip(lines[1:-1], dataset.train, strict=True):
        ids = dataset.ids[row]
        assert line[3:].startswith(to_text(dataset.grammar, ids[ids >= 0]))


def test_texts_given_on_the_line_are_reconstructed(use, model):
    code, lines, _ = use("reconstruct", "--text", "x")
    again = reconstruct(model, ["x"])[0]
    assert (code, lines[1].split()[1:]) == (0, ["x", *again.split()])


@pytest.fixture(scope="module")
def pde_checkpoint(tmp_path_factory):
    """Write the checkpoint of a network that has learned nothing, on PDEs."""
    dataset = load_dataset(DataConfig(dataset="pde", num_rows=48))
    config = GrammarVaeConfig(z_dim=4, encoder_hidden=8, decoder_hidden=8)
    task = GrammarVaeTask(config, dataset, "cpu")
    path = tmp_path_factory.mktemp("pde") / "pde.ckpt"
    write_checkpoint(path, task.describe() | {"epoch": 1, "task": task.state_dict()})
    return path


def test_pdes_in_loose_notation_are_read_wherever_texts_are(use, pde_checkpoint, tmp_path):
    loose = ("--notation", "loose")
    prod = write_dataset(load_dataset(DataConfig(dataset="pde", num_rows=48)), tmp_path).ids
    code, lines, notes = use(
        "reconstruct", "--text", "u_t = 2u", "dt(u)", *loose, model=pde_checkpoint
    )
    assert code == 0
    assert lines[1].split("  ")[1].strip() == "dt(u) - 2*u"
    assert "note: factors side by side, as `2u`, written with * (1 text)" in notes
    for arguments in (
        ("encode", "--text", "u_t = u", "--out", tmp_path / "z.npz"),
        ("interpolate", "--first", "u_t", "--last", "u_x = 0"),
        ("nearest", "--text", "u_t + u_x", "--prod", prod),
    ):
        code, _, said = use(*arguments, model=pde_checkpoint)
        assert (code, said.count("u_t = 2u_xx, want --notation loose")) == (2, 1)
        assert use(*arguments, *loose, model=pde_checkpoint)[0] == 0


def test_no_rows_to_decode_are_told(use, tmp_path):
    np.save(tmp_path / "none.npy", np.zeros((0, 12), np.float32))
    decoded = use("decode", "--latents", tmp_path / "none.npy")
    assert decoded == (0, [], "note: there are no rows to decode\n")


def test_nearest_shows_the_row_itself_first(use, half_trained, prod):
    grammar, ids = half_trained.dataset.grammar, half_trained.dataset.ids[0]
    text = to_text(grammar, ids[ids >= 0])
    code, lines, _ = use("nearest", "--text", text, "--prod", prod, "--num", 3)
    assert code == 0
    assert len(lines) == 3
    assert lines[0] == f"   0.000  {text}"


def test_rows_of_another_grammar_are_no_neighbours(refusal, tmp_path):
    pdes = load_dataset(DataConfig(dataset="pde", num_rows=48))
    ids = write_dataset(pdes, tmp_path / "pde", masks=False).ids
    message = refusal("nearest", "--text", "x", "--prod", ids)
    assert message == (
        f"{ids}: these rows are not in the model's grammar: give rows of the data that the model "
        "was trained on"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("encode",), "pass either --text TEXT ... or --file FILE"),
        (("encode", "--text", "x", "--file", "y"), "pass either --text TEXT ... or --file FILE"),
        (("reconstruct",), "pass either --text TEXT ... or --prod ids.npy"),
        (("encode", "--text", "x y"), "column 3: unexpected 'y'"),
        (("encode", "--text", "x", "--notation", "loose"), "the grammar equations does not"),
        (
            ("reconstruct", "--prod", "p", "--notation", "loose"),
            "--notation loose would be ignored",
        ),
        (("encode", "--file", "nowhere.txt"), "there is no file nowhere.txt"),
        (("decode", "--latents", "nowhere.npy"), "nowhere.npy: no array `latents` to read"),
        (("sample", "--num", "0"), "num is 0: give 1 or more"),
        (("sample", "--seed", "-1"), "seed is -1: give 0 or more"),
        (("sample", "--temperature", "-1"), "temperature is -1.0"),
        (("interpolate", "--first", "x", "--last", "1", "--num", "1"), "num is 1: give 2 or more"),
        (("nearest", "--text", "x", "--prod", "nowhere.npy"), "there is no file nowhere.npy"),
        (("nearest", "--text", "x", "--prod", "p", "--num", "0"), "num is 0: give 1 or more"),
        (("reconstruct", "--prod", "p", "--num", "-1"), "num is -1: give 1 or more"),
        (("decode", "--latents", "z.npy", "--seed", "-1"), "seed is -1: give 0 or more"),
        (("decode", "--latents", "z.npy", "--temperature", "nan"), "temperature is nan"),
        (("encode", "--text", "x", "--out", "."), ".: cannot be written: Is a directory"),
        (("export", "--out", "x"), "x: the name of an exported model ends with .safetensors"),
        (("evaluate", "--prod", "nowhere.npy"), "there is no file nowhere.npy"),
    ],
)
def test_mistakes_are_told(refusal, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "--num", "0"), "num is 0: give 1 or more"),
        (("encode",), "pass either --text"),
        (
            ("reconstruct", "--prod", "p", "--notation", "loose"),
            "--notation loose would be ignored",
        ),
        (("encode", "--file", "nowhere.txt"), "there is no file nowhere.txt"),
        (("encode", "--text", "x", "--out", "."), "Is a directory"),
        (("decode", "--latents", "nowhere.npy"), "nowhere.npy: no array `latents` to read"),
        (("reconstruct", "--prod", "nowhere.npy"), "there is no file nowhere.npy"),
        (("nearest", "--text", "x", "--prod", "nowhere.npy"), "there is no file nowhere.npy"),
        (("export", "--out", "x"), "ends with .safetensors"),
    ],
)
def test_mistakes_are_told_before_the_model_is_sought(
    refusal, arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(*arguments, model="nowhere")


def test_the_model_is_loaded_to_the_device_that_is_asked_for(use, monkeypatch):
    """Without the flag it is a GPU where torch sees one."""
    devices = []
    load = trained.load_model
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        trained,
        "load_model",
        lambda path, device, grammar=None: [devices.append(device), load(path)][1],
    )
    for flags in ((), ("--gpus", 0), ("--gpus", 1)):
        assert use("sample", "--num", 1, *flags)[0] == 0
    assert devices == ["cuda", "cpu", "cuda"]


def test_a_gpu_that_is_not_there_is_told(refusal, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--gpus 1: torch sees no GPU" in refusal("sample", "--gpus", 1)


def test_files_that_hold_no_texts_or_latents_are_told(refusal, tmp_path):
    (tmp_path / "empty.txt").touch()
    assert refusal("encode", "--file", tmp_path / "empty.txt").endswith(
        "empty.txt has no rows: give a file with at least one"
    )
    np.savez(tmp_path / "other.npz", z=np.zeros((1, 12)))
    assert "other.npz: no array `latents`" in refusal("decode", "--latents", tmp_path / "other.npz")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]))
    message = refusal("decode", "--latents", tmp_path / "objects.npy")
    assert "objects.npy: no array `latents` to read" in message


def test_a_folder_in_the_way_of_the_output_is_told(refusal, tmp_path):
    message = refusal("encode", "--text", "x", "--out", tmp_path)
    assert message == f"{tmp_path}: cannot be written: Is a directory"


@pytest.fixture
def promoted(tmp_path, monkeypatch):
    """The folder of a promoted preset without its checkpoints."""
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path))
    folder = tmp_path / "grammar_vae" / "won"
    folder.mkdir(parents=True)
    folder.with_suffix(".yaml").write_text("won: {z_dim: 12}\n")
    return folder


@pytest.mark.parametrize(
    ("files", "best"),
    [
        (("best-seq_acc-3-0.9000", "best-seq_acc-9-0.5000"), "best-seq_acc-3-0.9000"),
        (("best-loss-3-9.0000", "best-loss-9-21.0000"), "best-loss-3-9.0000"),
        (("best-elbo-3--9.0000", "best-elbo-9--21.0000"), "best-elbo-3--9.0000"),
        (("best-loss-3-9.0000", "best-seq_acc-1-0.1000"), "best-seq_acc-1-0.1000"),
    ],
)
def test_a_preset_stands_for_its_best_checkpoint(promoted, files, best):
    for name in files:
        (promoted / f"{name}.ckpt").touch()
    assert find_checkpoint("won") == promoted / f"{best}.ckpt"


def test_a_run_stands_for_its_best_checkpoint(use, checkpoint, tmp_path, model):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / checkpoint.name).write_bytes(checkpoint.read_bytes())
    (folder / "best-seq_acc-2-0.1000.ckpt").touch()
    for place in (folder, folder.parent):
        assert use("sample", "--num", 2, model=place)[1] == sample(model, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "unknown grammar_vae preset 'nowhere'"),
        ("wno", "unknown grammar_vae preset 'wno'. Did you mean 'won'?"),
        ("minimal", "the preset 'minimal' has no checkpoints (promoted ones do): train it"),
        ("won", "the preset 'won' has no checkpoints"),
    ],
)
def test_a_name_without_a_checkpoint_is_told(refusal, promoted, name, message):
    assert message in refusal("sample", model=name)


def test_a_folder_without_a_checkpoint_is_told(refusal, tmp_path):
    message = refusal("sample", model=tmp_path)
    assert message == f"{tmp_path}: holds no best-*.ckpt: give a checkpoint file"


def test_a_flag_that_does_not_exist_is_refused(refusal):
    assert refusal("sample", "--nmu", 3) == (
        "unknown flag --nmu. Did you mean '--num'? "
        "`python -m models.grammar_vae.use sample --help` lists all"
    )


def test_mistakes_in_flags_are_told_without_waiting_for_torch():
    code = (
        "import sys; sys.argv = ['use', 'sample', '--nmu', '3']\n"
        "from models.grammar_vae.use import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"


@pytest.fixture
def bare_run(half_trained, tmp_path, capsys):
    """A folder of a run on ids and masks alone, and the ids."""
    files = write_dataset(half_trained.dataset, tmp_path / "ids", masks=True)
    files.meta.unlink()
    files.splits.unlink()
    arguments = ["--prod", files.ids, "--masks", files.masks, "--config", "minimal"]
    arguments += ["--epochs", 1, "--gpus", 0, "--artifacts_dir", tmp_path, "--run_name", "bare"]
    assert run_command(lambda: train.TRAIN.run([str(argument) for argument in arguments])) == 0
    return tmp_path / "bare", files.ids, capsys.readouterr().out


def test_training_without_a_grammar_says_at_its_start_what_is_left_out(bare_run):
    _, _, printed = bare_run
    opening, told, rest = printed.split("\n", 2)
    assert "training rows" in opening
    assert told.startswith("no grammar: ids and masks hold no text, so val/prior_unique")
    assert rest.index("Pass --grammar") < rest.index("epoch 1/1")


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "--text", "x", "--out", "OUT"),
        ("reconstruct", "--text", "x"),
        ("reconstruct", "--prod", "IDS", "--split", "train"),
        ("sample",),
        ("interpolate", "--first", "x", "--last", "1 + 2"),
        ("nearest", "--text", "x", "--prod", "IDS"),
    ],
)
def test_whatever_needs_text_takes_a_grammar_later(use, bare_run, tmp_path, arguments):
    folder, ids, _ = bare_run
    places = {"IDS": ids, "OUT": tmp_path / "latents.npz"}
    given = [places.get(argument, argument) for argument in arguments]
    code, lines, message = use(*given, model=folder)
    assert (code, lines) == (2, [])
    assert "without a grammar, so it has no text: pass --grammar" in message
    code, lines, message = use(*given, "--grammar", "equations", model=folder)
    assert (code, message) == (0, "")
    assert lines


def test_decoding_and_exporting_take_a_grammar_later(use, bare_run, tmp_path):
    folder, _, _ = bare_run
    np.save(tmp_path / "z.npy", np.zeros((2, 32)))
    latents = ("decode", "--latents", tmp_path / "z.npy")
    code, lines, _ = use(*latents, "--grammar", "equations", model=folder)
    assert (code, len(lines)) == (0, 2)
    out = tmp_path / "model.safetensors"
    assert use("export", "--out", out, "--grammar", "equations", model=folder)[0] == 0
    assert use(*latents, model=out) == (0, lines, "")


def test_evaluation_with_a_late_grammar_has_prior_samples(use, bare_run):
    folder, ids, _ = bare_run
    assert any("prior samples: not available" in line for line in use("evaluate", model=folder)[1])
    for data in ((), ("--prod", ids)):
        code, lines, _ = use("evaluate", "--grammar", "equations", *data, model=folder)
        assert code == 0
        assert any("prior samples: 1,000 drawn" in line for line in lines)


def test_evaluation_knows_the_rows_of_its_run_and_checks_them(use, bare_run, tmp_path):
    folder, _, _ = bare_run
    lines = use("evaluate", "--grammar", "equations", model=folder)[1]
    assert not any("trained on other rows" in line for line in lines)
    own = load_grammar("equations")
    longer = [str(item).replace("'x'", "'x' S") for item in own.productions]
    path = tmp_path / "other.yaml"
    path.write_text(dump_yaml(own.to_mapping() | {"productions": longer}))
    code, _, message = use("evaluate", "--grammar", path, model=folder)
    assert code == 2
    assert re.search(r"not in the grammar that was given: row \d+, step \d+: ", message)


def test_rows_need_no_metadata_where_the_model_knows_its_grammar(use, prod, tmp_path):
    lone = tmp_path / "lone.npy"
    lone.write_bytes(prod.read_bytes())
    assert use("reconstruct", "--prod", lone, "--num", 2)[0] == 0
    assert use("evaluate", "--prod", lone, "--split", "train")[0] == 0


def test_a_late_grammar_that_does_not_fit_is_refused(refusal, bare_run):
    message = refusal("sample", "--grammar", "pde", model=bare_run[0])
    assert "the grammar pde has 56 productions, the model was trained on 11" in message


def test_a_file_of_texts_is_read_as_data_sets_are(use, tmp_path):
    (tmp_path / "texts.smi").write_text("x name\n\n1\n", encoding="utf-8")
    out = tmp_path / "l.npz"
    code, lines, told = use("encode", "--file", tmp_path / "texts.smi", "--out", out)
    assert (code, lines) == (0, [f"{out}: latents (2, 12), texts (2,)"])
    assert "texts.smi: 1 blank line is skipped" in told
    assert "texts.smi: 1 line goes on behind the SMILES" in told
