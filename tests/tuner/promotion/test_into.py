"""Presets that are added to a file that somebody keeps by hand."""

import shutil

import pytest

import tuner.promotion.pairs
import tuner.record.promotions
from models.errors import UserError
from models.presets import find_preset
from models.registry import model_spec
from tuner.promotion.promotion import promote
from tuner.promotion.promotion_check import check_promotions
from tuner.record.promotions import read_promotions
from tuner.record.results import read_run
from tuner.record.search_copy import read_search

MINE = """\
# My presets, the good ones first.
zeta: {lr: 0.7}   # keep: the paper has it

alpha:
  # slow but sure
  epochs: 9
  lr: 1e-2
"""


@pytest.fixture
def mine(presets):
    presets.mkdir(parents=True)
    file = presets / "mine.yaml"
    file.write_text(MINE)
    return file


def findings(run):
    return [one.what for one in check_promotions(read_run(run.paths), read_search(run.paths))]


def test_a_file_keeps_its_comments_and_its_order(fake_run, presets, mine):
    promoted = promote(fake_run.paths, top=2, into=mine)
    text = mine.read_text()
    assert text.startswith(MINE)
    assert text.count("# Promoted by `tuner promote first`.") == 2
    for one, lr in zip(promoted, (0.375, 0.5), strict=True):
        preset = find_preset(model_spec("fake"), one.preset.name)
        assert preset.config.lr == lr
        assert preset.source.resolve() == mine
        assert len(preset.checkpoints) == len(one.files)
    assert find_preset(model_spec("fake"), "zeta").config.lr == 0.7
    assert sorted(path.name for path in presets.iterdir()) == ["first-1", "first-2", "mine.yaml"]
    assert findings(fake_run) == []
    # What stands in a file of another name is no leftover, and its name is taken.
    (third,) = promote(fake_run.paths, into=mine)
    assert third.preset.name == "first-3"


@pytest.mark.parametrize("content", [None, "", "# nothing yet\n", "zeta: {lr: 0.7}"])
def test_a_file_may_be_new_or_empty_or_lack_its_last_line_break(fake_run, presets, content):
    presets.mkdir(parents=True)
    if content is not None:
        (presets / "mine.yaml").write_text(content)
    promote(fake_run.paths, into=presets / "mine.yaml")
    assert find_preset(model_spec("fake"), "first-1").config.lr == 0.375
    assert (presets / "mine.yaml").read_text().startswith(content or "")


@pytest.mark.parametrize(
    "content",
    ["{zeta: {lr: 0.7}}\n", "[1, 2]\n", "zeta: [\n", "zeta: {lr: 0.7}\n...\n", "just text\n"],
)
def test_a_file_that_takes_none_is_left_as_it_is(fake_run, presets, content):
    presets.mkdir(parents=True)
    (presets / "mine.yaml").write_text(content)
    with pytest.raises(UserError, match="no preset can be appended to it"):
        promote(fake_run.paths, into=presets / "mine.yaml")
    assert (presets / "mine.yaml").read_text() == content
    assert [path.name for path in presets.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("place", ["mine.yaml", "presets/mine.yaml", "presets/fake/mine.txt"])
def test_a_file_where_presets_are_not_looked_up_is_refused(fake_run, tmp_path, place):
    with pytest.raises(UserError, match="would not be found by its name"):
        promote(fake_run.paths, into=tmp_path / place)


@pytest.mark.parametrize("at", ["copy", "record"])
def test_a_failure_leaves_the_file_as_it_was(fake_run, presets, mine, monkeypatch, at):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    if at == "copy":
        room = [shutil.copyfile] * 2

        def copy(*files):
            (room.pop() if room else full)(*files)

        monkeypatch.setattr(tuner.promotion.pairs.shutil, "copyfile", copy)
    else:
        monkeypatch.setattr(tuner.record.promotions, "write_text", full)
    with pytest.raises(UserError, match=r"No space left.*nothing was promoted"):
        promote(fake_run.paths, top=2, into=mine)
    assert mine.read_text() == MINE
    assert [path.name for path in presets.iterdir()] == ["mine.yaml"]
    assert read_promotions(fake_run.paths) == []


def test_what_somebody_writes_meanwhile_is_not_lost(fake_run, presets, mine, monkeypatch):
    real = tuner.promotion.pairs.read_checkpoint

    def edit(file):
        mine.write_text(MINE + "# a thought\n")
        return real(file)

    monkeypatch.setattr(tuner.promotion.pairs, "read_checkpoint", edit)
    with pytest.raises(UserError, match="somebody has changed it meanwhile"):
        promote(fake_run.paths, into=mine)
    assert mine.read_text() == MINE + "# a thought\n"
    assert [path.name for path in presets.iterdir()] == ["mine.yaml"]


def test_a_killed_promotion_goes_on(fake_run, presets, mine):
    """Killed before the record, or between the folder and the file."""
    promote(fake_run.paths, into=mine)
    fake_run.paths.promotion_file.unlink()
    (again,) = promote(fake_run.paths, into=mine)
    assert (again.preset.name, again.resumed) == ("first-1", True)
    mine.write_text(MINE)
    fake_run.paths.promotion_file.unlink()
    (again,) = promote(fake_run.paths, into=mine)
    assert (again.preset.name, again.resumed) == ("first-1", False)
    assert findings(fake_run) == []
