"""The command that builds a data set: what it writes, says and refuses."""

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from models.config_file import dump_yaml
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar_vae import build_dataset
from models.grammar_vae.data import DataConfig, load_dataset

CSV = "family,pde\nheat,dt(u) -1.5*dxx(u)\n" + "wave,dtt(u) - 2.25 * dxx(u)\n" * 11


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command and return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["build_dataset", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            build_dataset.main()
        output = capsys.readouterr()
        return caught.value.code, output.out, output.err

    return run


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(CSV)
    return path


def load(out, num_rows, **settings):
    return load_dataset(DataConfig(prod=str(out / f"prod_{num_rows}_ids_int16.npy"), **settings))


@pytest.mark.parametrize("name", ["pde", "equations"])
def test_a_generated_data_set_is_the_one_that_loading_generates(command, tmp_path, name):
    out = tmp_path / "data"
    arguments = ("--dataset", name, "--out", out, "--n", 64, "--seed", 5)
    code, said, _ = command(*arguments, "--masks", "--write_text")
    assert code == 0
    generated = load_dataset(DataConfig(dataset=name, num_rows=64, seed=5))
    read = load(out, 64, masks=str(out / "prod_64_masks_packed.npy"))
    assert read.digest == generated.digest
    assert np.array_equal(read.labels, generated.labels)
    texts = (out / "prod_64.txt").read_text().splitlines()
    assert texts == [to_text(read.grammar, row) for row in read.ids]
    assert generated.digest in said


def test_the_summary_tells_sizes_files_and_the_next_command(command, tmp_path):
    out = tmp_path / "my data"
    code, said, progress = command("--dataset", "equations", "--out", out, "--n", 1000)
    ids = out / "prod_1000_ids_int16.npy"
    assert code == 0
    assert "rows         1,000\n" in said
    assert "T = 14 (the longest row), mean 13." in said
    assert "11 of 12 occur" in said
    assert "train 800, val 100, test 100" in said
    assert "repeated     none" in said
    assert f"wrote        {ids}\n" in said
    assert f"next: python -m models.grammar_vae.train --config minimal --prod '{ids}'" in said
    assert "tokenise: 1,000/1,000" in progress


def test_a_csv_column_is_tokenised_with_its_labels_and_repeated_rows_are_kept(
    command, tmp_path, own_file
):
    out = tmp_path / "data"
    source = ("--csv", own_file, "--column", "pde", "--label_column", "family")
    code, said, _ = command(*source, "--grammar", "pde", "--out", out)
    assert code == 0
    read = load(out, 12)
    assert read.label_names == ("heat", "wave")
    assert read.name == "mine"
    assert to_text(read.grammar, read.ids[0]) == "dt(u) - 1.5*dxx(u)"
    assert "10 rows repeat another (kept); 2 of val and test are in train" in said


def test_a_text_file_is_tokenised_with_a_grammar_file(command, tmp_path):
    grammar = tmp_path / "mine.yaml"
    grammar.write_text(dump_yaml(load_grammar("equations").to_mapping()))
    text = tmp_path / "mine.txt.gz"
    text.write_bytes(gzip.compress(b"x+1\n" * 10))
    code, _, _ = command("--text", text, "--grammar", grammar, "--out", tmp_path / "data")
    assert code == 0
    assert load(tmp_path / "data", 10).ids[0].tolist() == [0, 3, 7, 8]


def test_a_published_split_is_used(command, tmp_path, own_file):
    np.save(tmp_path / "train.npy", np.arange(2, 12))
    np.save(tmp_path / "val.npy", np.array([1, 0]))
    code, said, _ = command(
        *("--csv", own_file, "--column", "pde", "--grammar", "pde", "--out", tmp_path / "data"),
        *("--train_indices", tmp_path / "train.npy", "--val_indices", tmp_path / "val.npy"),
    )
    assert code == 0
    assert "train 10, val 2, test 0" in said
    assert load(tmp_path / "data", 12).val.tolist() == [0, 1]


def test_rows_outside_the_grammar_are_told_and_nothing_is_written(command, tmp_path, own_file):
    own_file.write_text(CSV + "heat,dt(u) - .5*u\nheat,dt(v)\n")
    out = tmp_path / "data"
    code, said, errors = command(
        "--csv", own_file, "--column", "pde", "--grammar", "pde", "--out", out
    )
    assert code == 2
    assert said == ""
    assert "error: 2 of 14 rows are outside the grammar pde" in errors
    assert f"{own_file}, row 13 (line 14), column 'pde'" in errors
    assert ".5*u" in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_a_column_is_read_from_standard_input_and_mistakes_name_it(command, tmp_path, monkeypatch):
    given = io.TextIOWrapper(io.BytesIO(CSV.encode() + b"odd,dt(v)\n"))
    monkeypatch.setattr(sys, "stdin", given)
    arguments = ("--csv", "-", "--column", "pde", "--grammar", "pde", "--out", tmp_path / "data")
    code, _, said = command(*arguments)
    assert code == 2
    assert "standard input, row 13 (line 14), column 'pde'" in said
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CSV.encode())))
    assert command(*arguments)[0] == 0
    assert load(tmp_path / "data", 12).name == "standard input"


def test_standard_input_is_not_both_text_and_grammar(command, tmp_path):
    code, _, said = command("--text", "-", "--grammar", "-", "--out", tmp_path / "data")
    assert (code, "standard input can be read once: give a file" in said) == (2, True)


def test_a_pipe_is_read(command, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_text, args=("dt(u) - dxx(u)\n" * 12,))
    thread.start()
    arguments = ("--text", pipe, "--grammar", "pde", "--out", tmp_path / "data")
    assert command(*arguments)[0] == 0
    thread.join()


def test_a_table_that_was_given_as_text_is_told_how_to_be_given(command, tmp_path, own_file):
    code, _, errors = command(
        "--text", own_file, "--grammar", "pde", "--out", tmp_path / "data", "--notation", "strict"
    )
    assert code == 2
    remedies = "or pass another --grammar, or --notation loose for PDEs as people write them, or "
    assert f"{remedies}--csv {own_file} --column NAME in place of --text where" in errors
    _, _, errors = command("--text", own_file, "--grammar", "smiles", "--out", tmp_path / "data")
    assert "--notation" not in errors


def test_pdes_in_loose_notation_become_rows_and_the_rewriting_is_told(command, tmp_path):
    file, out = tmp_path / "mine.txt", tmp_path / "data"
    file.write_text("u_t = 2u_xx\n" * 8 + "dt(u) - .5*dxx(u) = 0\n" * 4)
    flags = ("--text", file, "--grammar", "pde", "--out", out, "--write_text")
    assert command(*flags)[0] == 2
    code, said, _ = command(*flags, "--notation", "loose")
    assert code == 0
    assert "note         `u_x` written dx(u) (8 texts)" in said
    assert "note         `= 0` left out (4 texts)" in said
    [texts] = out.glob("*.txt")
    assert set(texts.read_text().split("\n")) == {"dt(u) - 2*dxx(u)", "dt(u) - 0.5*dxx(u)", ""}


def test_random_rows_stand_beside_the_others_as_a_family(command, tmp_path):
    out = tmp_path / "data"
    flags = ("--dataset", "pde", "--n", 160, "--random", 80, "--out", out, "--write_text")
    assert command(*flags)[0] == 0
    [texts] = out.glob("*.txt")
    rows = texts.read_text().split("\n")[:-1]
    assert len(set(rows)) == 240
    dataset = load(out, 240)
    assert dataset.label_names[-1] == "random"
    assert [int((dataset.labels == i).sum()) for i in (0, 16)] == [10, 80]
    given, drawn = dataset.lengths[:160], dataset.lengths[160:]
    assert drawn.max() <= given.max()
    assert abs(drawn.mean() - given.mean()) < 8
    assert command(*flags, "--grammar", "pde_wide", "--overwrite")[0] == 0
    wide = load(out, 240)
    assert (wide.ids[:160] == dataset.ids[:160]).all()
    assert wide.ids[160:].max() >= 56


def test_random_rows_may_be_longer_or_shorter_than_the_others(command, tmp_path):
    out = tmp_path / "data"
    flags = ("--dataset", "pde", "--n", 32, "--random", 200, "--overwrite", "--out", out)
    for longest in (120, 30):
        assert command(*flags, "--longest", longest)[0] == 0
        assert longest - 5 < load(out, 232).lengths[32:].max() <= longest
    assert "no text of at most 3 productions" in command(*flags, "--longest", 3)[2]
    assert "--longest is 0" in command(*flags, "--longest", 0)[2]
    code, _, errors = command("--dataset", "pde", "--n", 32, "--longest", 9, "--out", out)
    assert code == 2
    assert "--longest 9 would be ignored: it belongs to --random" in errors


def test_too_many_random_rows_are_refused(command, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("u\n2\n" * 10)
    flags = ("--text", file, "--grammar", "pde", "--out", tmp_path / "data")
    code, _, errors = command(*flags, "--random", 100, "--longest", 6)
    assert code == 2
    assert "--random 100: only " in errors
    assert command(*flags, "--random", 0)[0] == 2


def test_loose_rows_that_cannot_be_read_are_all_told(command, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("u_t = u\nu_t = cos(u)\n\nu_xy\n")
    flags = ("--text", file, "--grammar", "pde", "--out", tmp_path / "data", "--notation", "loose")
    code, said, errors = command(*flags)
    assert (code, said) == (2, "")
    assert "error: 2 of 3 rows are outside the grammar pde" in errors
    assert f"{file}, line 2, column 7: the grammar has no cos(u)" in errors
    assert f"{file}, line 4, column 1: the grammar has no dxy(u)" in errors


def test_a_second_data_set_in_a_folder_needs_overwrite(command, tmp_path):
    first = ("--dataset", "equations", "--out", tmp_path / "data")
    assert command(*first, "--n", 20)[0] == 0
    code, _, errors = command(*first, "--n", 30)
    assert code == 2
    assert "already holds a data set (prod_20_ids_int16.npy): give another --out" in errors
    assert command(*first, "--n", 30, "--overwrite")[0] == 0
    assert len(list((tmp_path / "data").glob("*_ids_int16.npy"))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give one source of text: .* not none"),
        ("--dataset pde --text a.txt", "not --dataset and --text"),
        ("--text a.txt", "--grammar is missing"),
        ("--csv a.csv --grammar pde", "--column is missing"),
        ("--csv a.csv", "--grammar is missing.*\n--column is missing"),
        ("--dataset pde --grammar pde", "--grammar pde would be ignored: .* --csv or --text"),
        ("--dataset pde --notation loose", "--notation loose would be ignored"),
        ("--dataset pde --column a", "--column a would be ignored: .*; remove it"),
        ("--text a --grammar pde --label_column a", "--label_column a would be ignored"),
        ("--text a --grammar pde --n 5", "--n 5 would be ignored: it belongs to --dataset"),
        ("--dataset pde --val_indices a.npy", "needs --train_indices and --val_indices"),
        (
            "--text a --grammar pde --seed 1 --train_indices a --val_indices b",
            "--seed 1 would be ignored",
        ),
        ("--text no.txt --grammar pde", "there is no file no.txt"),
        ("--text no.txt --grammar pdee", "unknown grammar 'pdee'.* Did you mean 'pde'"),
        ("--dataset pde --n 0", r"num_rows \(0\) must be at least 1"),
        ("--dataset pde --n 20 --seed -1", r"seed \(-1\) must not be negative"),
        ("--dataset pde --n 100000", "ask for 78420 rows or fewer"),
        ("--dataset pde --n 9", "9 rows are too few to split"),
    ],
)
def test_flags_that_make_no_sense_exit_2_with_a_message(command, tmp_path, arguments, message):
    code, said, errors = command(*arguments.split(), "--out", tmp_path / "data")
    assert code == 2
    assert said == ""
    assert errors.startswith("error: ")
    assert re.search(message, errors)
    assert not list(tmp_path.iterdir())


def test_a_column_that_does_not_exist_names_the_nearest(command, tmp_path, own_file):
    source = ("--csv", own_file, "--column", "pd", "--grammar", "pde")
    code, _, errors = command(*source, "--out", tmp_path / "data")
    assert code == 2
    assert "unknown column 'pd'. Did you mean 'pde'? Known: family, pde" in errors


def test_an_unknown_flag_or_a_missing_out_exits_2(command):
    assert command("--dataset", "pde")[0] == 2
    assert command("--dataset", "pde", "--out", "x", "--rows", "3")[0] == 2


def test_ctrl_c_exits_130_and_leaves_nothing(tmp_path):
    out = tmp_path / "data"
    arguments = ["--dataset", "equations", "--n", "100000", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "models.grammar_vae.build_dataset", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("tokenise: 10,000/")
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert f"interrupted. No half-written data set is left in {out}" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_published_rows_become_the_published_ids(command, tmp_path, reference_data):
    with gzip.open(reference_data / "pde" / "pde_48000.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row["pde"] for row in csv.DictReader(file)]
    with np.load(reference_data / "pde" / "reference_2000.npz") as arrays:
        numbers, ids, masks = arrays["rows"][::5], arrays["ids"][::5], arrays["masks_packed"][::5]
    text = tmp_path / "rows.txt"
    text.write_text("".join(f"{rows[number]}\n" for number in numbers))
    command("--text", text, "--grammar", "pde", "--out", tmp_path / "data", "--masks")
    read = load(tmp_path / "data", 400)
    num_steps = read.ids.shape[1]
    assert np.array_equal(read.ids, ids[:, :num_steps])
    assert (ids[:, num_steps:] == -1).all()
    packed = np.load(tmp_path / "data" / "prod_400_masks_packed.npy")
    assert np.array_equal(packed, masks[:, :num_steps])


def test_published_rows_of_all_dimensions_decode_to_themselves(command, tmp_path, reference_data):
    with gzip.open(reference_data / "pde" / "pde_48000.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row["pde"] for row in csv.DictReader(file)][::25]
    text = tmp_path / "rows.txt"
    text.write_text("".join(f"{row}\n" for row in rows))
    command("--text", text, "--grammar", "pde", "--out", tmp_path / "data")
    read = load(tmp_path / "data", len(rows))
    decoded = [to_text(read.grammar, ids).replace(" ", "") for ids in read.ids]
    assert decoded == [row.replace(" ", "") for row in rows]
    assert json.loads((tmp_path / "data" / "prod_1920_meta.json").read_text())["T"] == 97


def test_names_and_blank_lines_of_a_smiles_file_are_told(command, tmp_path):
    (tmp_path / "mine.smi").write_text("CCO ethanol\n\n" * 12)
    code, said, _ = command(
        "--text", tmp_path / "mine.smi", "--grammar", "smiles", "--out", tmp_path / "data"
    )
    assert code == 0
    assert "note         12 blank lines are skipped (the first is line 2)" in said
    assert "note         12 lines go on behind the SMILES: names are left out" in said


def test_a_row_far_longer_than_the_rest_is_told_but_built(command, tmp_path):
    (tmp_path / "mine.txt").write_text("x\n" * 20 + "sin( " * 20 + "x" + " )" * 20 + "\n")
    code, said, _ = command(
        "--text", tmp_path / "mine.txt", "--grammar", "equations", "--out", tmp_path / "data"
    )
    assert code == 0
    assert f"note         {tmp_path / 'mine.txt'}, line 21 takes 42 steps, but all others" in said


def test_an_ambiguous_grammar_of_ones_own_is_told_with_its_unreachable_part(
    command, tmp_path, caplog
):
    (tmp_path / "mine.yaml").write_text(
        dump_yaml({"start": "S", "productions": ["S -> S '+' S", "S -> 'x'", "LOST -> 'y'"]})
    )
    (tmp_path / "mine.txt").write_text("x+x\n" * 11 + "x+x+x\n")
    code, said, _ = command(
        "--text", tmp_path / "mine.txt", "--grammar", tmp_path / "mine.yaml",
        "--out", tmp_path / "data",
    )  # fmt: skip
    assert code == 0
    assert "note         the grammar mine is ambiguous: 1 of 12 rows looked at have two" in said
    assert f"note         {tmp_path / 'mine.txt'}, line 12 ('x+x+x'): production 0" in said
    assert "no derivation from 'S' reaches 'LOST'" in caplog.text


def test_a_semicolon_file_is_read_with_its_delimiter(command, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("formula;kind\n" + "x;a\n" * 12)
    given = ("--csv", path, "--column", "formula", "--grammar", "equations")
    code, _, errors = command(*given, "--out", tmp_path / "data")
    assert (code, "pass --delimiter ';'" in errors) == (2, True)
    assert command(*given, "--delimiter", ";", "--out", tmp_path / "data")[0] == 0
    path.write_text("formula\tkind\n" + "x\ta\n" * 12)
    assert command(*given, "--delimiter", "tab", "--out", tmp_path / "more")[0] == 0
    code, _, errors = command(*given, "--delimiter", ", ", "--out", tmp_path / "none")
    assert (code, "--delimiter ', ' is no single character" in errors) == (2, True)
