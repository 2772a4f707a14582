import pytest

from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.unbegun import clear_unbegun, is_unbegun, remove_unbegun


@pytest.fixture
def killed(tmp_path):
    """What a driver leaves that was killed as late as that."""
    paths = RunPaths(tmp_path / "runs" / "tiny")
    paths.checkpoints.mkdir(parents=True)
    paths.lock_file.write_text("{}")
    paths.environment_file.write_text("{}")
    with EventLog(paths.events_file) as log:
        log.run("running")
    return paths


def test_a_driver_killed_before_its_first_trial_leaves_no_run(killed):
    assert is_unbegun(killed)
    clear_unbegun(killed)
    assert list(killed.folder.iterdir()) == [killed.lock_file]
    remove_unbegun(killed)
    assert not killed.folder.exists()


def test_a_run_is_one_from_its_search_on(killed):
    killed.search_file.touch()
    assert not is_unbegun(killed)
    remove_unbegun(killed)
    assert killed.events_file.exists()


def test_a_run_that_lost_its_search_keeps_its_trials(killed):
    with EventLog(killed.events_file) as log:
        log.trial("a", 0, {"lr": 0.5})
    assert not is_unbegun(killed)


def test_a_folder_that_no_driver_made_is_left_alone(killed):
    killed.lock_file.unlink()
    assert not is_unbegun(killed)


def test_an_empty_folder_is_taken_over(killed):
    clear_unbegun(killed)
    killed.lock_file.unlink()
    assert is_unbegun(killed)
