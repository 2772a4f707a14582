import shutil

import pytest

from models.presets import find_preset
from models.registry import model_spec
from models.training.checkpoints import read_checkpoint
from tuner.promotion.promotion import promote
from tuner.promotion.promotion_check import check_promotions
from tuner.record.promotions import read_promotions
from tuner.record.results import read_run
from tuner.record.search_copy import read_search


@pytest.fixture
def promoted(fake_run):
    """A run of which two trials were promoted, b and c."""
    promote(fake_run.paths, top=2)
    assert findings(fake_run) == []
    return fake_run


def findings(run):
    return list(check_promotions(read_run(run.paths), read_search(run.paths)))


def mend(run):
    for finding in findings(run):
        finding.mend()
    assert findings(run) == []


def recorded(run):
    return [(entry.preset, entry.trial) for entry in read_promotions(run.paths)]


def test_a_preset_that_the_record_does_not_name_is_added(promoted):
    entry = read_promotions(promoted.paths)[0]
    promoted.paths.promotion_file.unlink()
    first, _ = findings(promoted)
    assert "first-1.yaml: made of trial 1, and not in promotion.json" in first.what
    mend(promoted)
    assert recorded(promoted) == [("first-1", "b"), ("first-2", "c")]
    assert read_promotions(promoted.paths)[0] == entry


def test_a_damaged_record_is_written_again(promoted):
    file = promoted.paths.promotion_file
    file.write_bytes(file.read_bytes()[:100])
    (finding,) = findings(promoted)
    assert (finding.what, finding.remedy) == (
        "promotion.json: damaged",
        "written again from the presets",
    )
    mend(promoted)
    assert recorded(promoted) == [("first-1", "b"), ("first-2", "c")]


def test_a_damaged_record_of_confirmations_goes(promoted):
    promoted.paths.confirmation_file.write_text('{"confirmations": [')
    (finding,) = findings(promoted)
    assert finding.what == "confirmations.json: damaged"
    mend(promoted)
    assert not promoted.paths.confirmation_file.exists()


def test_half_a_promotion_goes_and_its_trial_can_be_promoted_again(promoted, presets):
    (presets / "first-1.yaml").unlink()
    said = [f"{finding.what}: {finding.remedy}" for finding in findings(promoted)]
    assert "the preset first-1 of trial 1 is gone: taken off the list" in said[0]
    assert "first-1: half a promotion: removed" in said[1]
    mend(promoted)
    assert not (presets / "first-1").exists()
    (again,) = promote(promoted.paths)
    assert (again.preset.name, again.row.trial) == ("first-1", "b")


def test_what_a_killed_promotion_was_building_goes(promoted, presets):
    shutil.copytree(presets / "first-1", presets / ".first-3.part")
    (presets / ".first-4.part").mkdir()
    assert [finding.remedy for finding in findings(promoted)] == ["removed", "removed"]
    mend(promoted)


def test_weights_that_only_half_a_promotion_has_are_left_alone(promoted, presets):
    (presets / "first-1.yaml").unlink()
    shutil.rmtree(promoted.paths.trial_checkpoints("b"))
    _, half = findings(promoted)
    assert half.mend is None
    assert "move it elsewhere" in half.remedy


def test_folders_of_others_are_left_alone(promoted, presets):
    (presets / "mine").mkdir()
    shutil.copytree(presets / "first-1", presets / "other-1")
    card = presets / "other-1" / "README.md"
    card.write_text("# other-1" + card.read_text()[9:].replace("run `first`", "run `other`"))
    assert findings(promoted) == []


def test_checkpoints_that_a_preset_has_lost_are_copied_again(promoted, presets):
    best = presets / "first-1" / "best-score-2-0.9000.ckpt"
    best.unlink()
    (finding,) = findings(promoted)
    assert f"{best}: the preset's best checkpoint is gone" in finding.what
    mend(promoted)
    assert read_checkpoint(best)["epoch"] == 2
    shutil.rmtree(presets / "first-1")
    mend(promoted)
    assert len(find_preset(model_spec("fake"), "first-1").checkpoints) == 2


def test_checkpoints_that_are_nowhere_have_to_come_from_a_copy(promoted, presets):
    shutil.rmtree(presets / "first-1")
    shutil.rmtree(promoted.paths.trial_checkpoints("b"))
    (finding,) = findings(promoted)
    assert finding.mend is None
    assert "restore it from a copy" in finding.remedy


def test_a_preset_may_be_renamed(promoted, presets):
    text = (presets / "first-1.yaml").read_text()
    (presets / "first-1.yaml").unlink()
    (presets / "good.yaml").write_text(text.replace("first-1:", "good:"))
    (presets / "first-1").rename(presets / "good")
    assert findings(promoted) == []
