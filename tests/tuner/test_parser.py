import pytest

from models.commands.process import USER_ERROR
from tuner.cli import build_parser, main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("serch x", "error: unknown command 'serch'. Did you mean 'search'? Known: check, cluster"),
        ("presets shwo x", "unknown action 'shwo'. Did you mean 'show'? Known: diff, list, show"),
        (
            "presets start",
            "Known: diff, list, show, verify; there is `tuner cluster start`. `tuner",
        ),
        ("diff a b", "status, stop, submit; there is `tuner presets diff`. `tuner --help`"),
        ("presets --model m show x", "before the action: write `tuner presets show --model m x`"),
        (
            "presets --data a=b",
            "error: --data stands where the action has to be named: name it first",
        ),
        ("presets --modle m", "unknown flag --modle. Did you mean '--model'? `tuner presets list"),
        (
            "--trials=3 search x",
            "--trials stands before the command: write `tuner search --trials=3",
        ),
        ("completion bsh", "unknown shell 'bsh'. Did you mean 'bash'? Known: bash, zsh. `tuner"),
        ("search x --trails 3", "unknown flag --trails. Did you mean '--trials'? `tuner search --"),
        ("show --jsn x --qq", "--jsn. Did you mean '--json'?; unknown flag --qq. `tuner show --"),
        ("show a b", "'b' is one word too many. `tuner show --help` says what can be given"),
        ("show", "error: the following arguments are required: run. `tuner show --help`"),
        ("export x --csv a --jsonl b", "not allowed with argument --csv. `tuner export --help`"),
    ],
)
def test_what_is_mistyped_is_told_with_what_was_meant(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == USER_ERROR
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_the_action_that_is_meant_without_a_name_takes_its_flags(capsys):
    assert main(["presets", "--model=ast_autoencoder"]) == 0
    shown = capsys.readouterr().out
    assert main(["presets", "list", "--model", "ast_autoencoder"]) == 0
    assert capsys.readouterr().out == shown
    assert "grammar_vae" not in shown


def test_flags_may_be_written_with_hyphens(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "x", "--no-improvement=3", "--gpu-hours", "1"]) == USER_ERROR
    assert "unknown run" in capsys.readouterr().err


def test_of_a_flag_that_is_given_twice_the_last_holds_with_a_note_and_a_list_grows(capsys):
    read = build_parser().parse_args
    assert read("show x --top 1 --top=2".split()).top == 2
    assert capsys.readouterr().err == (
        "note: --top is given twice, as 1 and as 2: the last holds\n"
    )
    assert read("resume x --trials 2 --trials=2".split()).trials == 2
    shown = read("presets show minimal --data dataset=pde --data num_rows=9".split())
    assert shown.data == ["dataset=pde", "num_rows=9"]
    assert read("promote x --trial 2 --trial 3".split()).trial == [2, 3]
    assert capsys.readouterr().err == ""
