"""Completion as a shell does it: the script is sourced, then asked for what follows some words."""

import shutil
import subprocess

import pytest

from tuner.cli import main

ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}"
{function}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def complete(tmp_path, capsys, monkeypatch):
    """Return a function that gives what bash offers for the last of some words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_RUNS", raising=False)
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)

    def ask(words):
        command = ASK.format(script=script, words=words, function="_shtab_tuner")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tuner se", ["search"]),
        (
            "tuner search gra",
            "beta_annealing kl_recipe pde_accuracy pde_latent pde_rate pde_small pde_smallest "
            "quickstart".split(),
        ),
        ("tuner search --na", ["--name"]),
        ("tuner presets sh", ["show"]),
        ("tuner completion z", ["zsh"]),
        ("tuner presets list --model ast", ["ast_autoencoder"]),
    ],
)
def test_commands_flags_and_what_ships_are_completed(complete, words, offered):
    folder = "grammar_vae/" if words.endswith(" gra") else ""
    assert complete(words) == [f"{folder}{name}" for name in offered]


def test_runs_and_files_are_those_that_are_there_when_somebody_types(complete, tmp_path):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "mine.yaml").touch()
    assert complete("tuner show fi") == ["first"]
    assert complete("tuner check mi") == ["mine.yaml"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh on this machine")
def test_zsh_takes_the_script(capsys, tmp_path):
    assert main(["completion", "zsh"]) == 0
    (tmp_path / "_tuner").write_text(capsys.readouterr().out)
    subprocess.run(["zsh", "-n", tmp_path / "_tuner"], check=True)


def test_another_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["completion", "fish"])
    assert end.value.code == 2
    assert "choose from" in capsys.readouterr().err
