"""For which data the parameters of a preset are counted."""

import pytest

from models.training.checkpoints import write_checkpoint
from tuner.cli import main

PROVENANCE = """\
mine:
  z_dim: 56
  provenance:
    data: {settings: {dataset: equations, num_rows: 900}, num_train: 720}
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    folder = tmp_path / "presets" / "grammar_vae"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(PROVENANCE)
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path / "presets"))
    return folder / "mine"


def first_lines(capsys, *words):
    capsys.readouterr()
    assert main(["presets", *words]) == 0
    return capsys.readouterr().out


def test_parameters_are_counted_for_the_data_of_the_checkpoints(mine, capsys):
    usual = first_lines(capsys, "show", "mine")
    told = (
        "97 steps); for those that it was found on: --data dataset=equations --data num_rows=900)"
    )
    assert told in usual
    assert "of promoted ones" not in first_lines(capsys, "list", "--model", "grammar_vae")

    write_checkpoint(mine / "best.ckpt", {"num_steps": 14, "num_productions": 12})
    own = first_lines(capsys, "show", "mine")
    assert "(for the data that it was trained on, 720 training rows; --data" in own
    given = first_lines(
        capsys, "show", "mine", "--data", "dataset=equations", "--data", "num_rows=300"
    )
    count = own.partition("# parameters: ")[2].partition(" ")[0]
    assert f"# parameters: {count} about" in given
    assert f"# parameters: {count} about" not in usual
    listed = first_lines(capsys, "list", "--model", "grammar_vae")
    assert count.rstrip(",") in listed
    assert "of promoted ones for the data that they were trained on" in listed
