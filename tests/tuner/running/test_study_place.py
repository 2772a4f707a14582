import pytest

from models.errors import UserError
from tuner.record.paths import RunPaths
from tuner.running.study import build_sampler, open_storage, open_study, write_study
from tuner.running.study_place import StudyPlace, known_place, new_place, without_password

URL = "postgresql://me:s3cret@host/db"


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path / "first")


def test_a_run_has_a_journal_of_its_own(paths):
    place = new_place(paths, None)
    assert place == StudyPlace(location=paths.study_file, name="first")
    assert known_place(paths, {"study": place.to_mapping()}, None) == place
    assert known_place(paths, {}, None) == place  # as older runs say nothing


def test_in_a_database_two_runs_of_one_name_have_two_studies(paths):
    one, other = new_place(paths, URL), new_place(paths, URL)
    assert one.name.startswith("first-")
    assert one.name != other.name


def test_a_password_is_in_no_record_and_asked_for(paths):
    place = new_place(paths, URL)
    known = {"study": place.to_mapping()}
    assert known["study"]["storage"] == "postgresql://me:***@host/db"
    with pytest.raises(UserError, match=r"whose password is in no record.*--storage URL"):
        known_place(paths, known, None)
    assert known_place(paths, known, URL) == place


def test_a_database_without_a_password_is_found_from_any_folder(paths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = new_place(paths, "sqlite:///study.db")
    assert place.location == f"sqlite:///{tmp_path}/study.db"
    monkeypatch.chdir("/")
    assert known_place(paths, {"study": place.to_mapping()}, None) == place


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("mysql+pymysql://a:b%40c@h:3306/d", "mysql+pymysql://a:***@h:3306/d"),
        ("postgresql:///d?user=a&password=b&x=1", "postgresql:///d?user=a&password=***&x=1"),
        ("--storage=postgresql://a:b@h/d", "--storage=postgresql://a:***@h/d"),
        ("sqlite:////tmp/study.db", "sqlite:////tmp/study.db"),
        ("--address", "--address"),
    ],
)
def test_passwords_are_hidden(text, hidden):
    assert without_password(text) == hidden


@pytest.mark.parametrize(("mode", "space"), [("min", "a"), ("max", "b")])
def test_the_study_of_another_search_is_not_deleted(tmp_path, mode, space):
    place = StudyPlace(location=f"sqlite:///{tmp_path}/study.db", name="first")
    write_study(place, ["max"], build_sampler("random", 0), space="a").ask()
    with pytest.raises(UserError, match=r"'first' in the database is of another search"):
        write_study(place, [mode], build_sampler("random", 0), space=space)
    storage = open_storage(place.location)
    assert len(open_study(storage, "first", ["max"], build_sampler("random", 0)).trials) == 1


def test_a_journal_is_replaced_and_what_a_killed_driver_left_beside_it_is_gone(paths):
    paths.folder.mkdir()
    place = new_place(paths, None)
    write_study(place, ["max"], build_sampler("random", 0), space="a").ask()
    lock = paths.study_file.with_name("study.journal.lock")
    lock.symlink_to(paths.study_file)
    paths.study_file.with_name(".study.journal.new").write_text("torn")
    study = write_study(place, ["max"], build_sampler("random", 0), space="a")
    assert study.trials == []
    assert {file.name for file in paths.folder.iterdir()} == {"study.journal"}
