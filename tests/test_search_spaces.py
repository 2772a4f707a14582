import pytest

from models.config_file import dump_yaml, parse_yaml
from tuner.search.loading import load_search
from tuner.search.search import Search
from tuner.search.search_files import shipped_searches


@pytest.fixture(params=sorted(shipped_searches()))
def name(request):
    return request.param


def test_search_that_ships_is_valid(name):
    search = load_search(name)
    assert isinstance(search, Search)
    assert search.model == name.partition("/")[0]


def test_search_that_ships_says_its_command_time_and_score_on_top(name):
    text = shipped_searches()[name].read_text(encoding="utf-8")
    header = text.partition("\nmodel:")[0]
    assert all(line.startswith("#") for line in header.splitlines() if line)
    for word in ("command", "time", "score", f"tuner search {name}"):
        assert word in header


def test_search_that_ships_ends_and_limits_its_disk(name):
    search = load_search(name)
    assert search.budget.hours is not None
    assert search.keep.max_gb is not None


def test_search_that_ships_means_the_same_when_written_out(name):
    search = load_search(name)
    text = dump_yaml(search.to_mapping())
    assert parse_yaml(text, name) == search.to_mapping()
