import pytest

from models.errors import UserError
from tuner.search.search_files import find_search_file, search_name, shipped_searches


def test_searches_that_ship_are_named_by_model_and_file():
    assert {"grammar_vae/quickstart", "grammar_vae/beta_annealing"} <= set(shipped_searches())


@pytest.mark.parametrize("name", ["grammar_vae/quickstart", "grammar_vae/quickstart.yaml"])
def test_search_that_ships_is_found_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_search_file(name) == shipped_searches()["grammar_vae/quickstart"]


def test_file_goes_before_one_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "grammar_vae" / "quickstart.yaml"
    mine.parent.mkdir()
    mine.write_text("")
    assert find_search_file("grammar_vae/quickstart.yaml").resolve() == mine


def test_unknown_search_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'grammar_vae/quickstart'"):
        find_search_file("grammar_vae/quickstrat")


def test_what_is_no_file_and_no_search_is_said_to_be_neither(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=rf"Known: .*\. Nor is there a file mine.yaml in {tmp_path}$"
    ):
        find_search_file("mine.yaml")


def test_a_search_that_ships_is_named_as_it_is_found_and_others_by_their_path(tmp_path):
    for name, file in shipped_searches().items():
        assert search_name(str(file)) == name
    assert search_name(str(tmp_path / "own.yaml")) == str(tmp_path / "own.yaml")
