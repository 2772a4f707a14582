import pytest

from models.config_file import dump_yaml
from models.errors import UserError
from tuner.errors import SearchInvalid
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.running.study_place import recorded_command
from tuner.search.blocks import Notify
from tuner.search.loading import load_search
from tuner.search.webhooks import hidden_in_command, hidden_urls, webhook_url

SECRET = "https://me:pass@hooks.example.com:8443/services/T0/s3cret?token=abc"
HIDDEN = "https://hooks.example.com:8443/***"


def test_no_more_than_scheme_and_host_is_shown():
    assert hidden_urls(f"to {SECRET}, twice {SECRET}") == f"to {HIDDEN}, twice {HIDDEN}"


@pytest.mark.parametrize("webhook", ["$HOOK", "${HOOK}"])
def test_a_variable_holds_the_url(webhook, monkeypatch):
    monkeypatch.setenv("HOOK", SECRET)
    assert webhook_url(webhook) == SECRET
    monkeypatch.delenv("HOOK")
    with pytest.raises(UserError, match="names the variable HOOK, which is not set: export it"):
        webhook_url(webhook)


def test_a_variable_without_a_url_is_not_shown(monkeypatch):
    monkeypatch.setenv("HOOK", "s3cret")
    with pytest.raises(UserError, match="the variable HOOK is no URL") as caught:
        webhook_url("$HOOK")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "webhook", ["hooks.example.com/s3cret", "ftp://s3cret", "", "$", "https://"]
)
def test_what_is_no_url_is_refused_without_being_shown(webhook):
    with pytest.raises(UserError, match="webhook is no URL: it begins with https://") as caught:
        Notify(webhook=webhook)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"command": " "}, "command is empty"),
        ({"command": "true", "events": ()}, "events is empty"),
        ({"events": ("end",)}, "nobody would be told"),
    ],
)
def test_a_block_that_tells_nobody_is_refused(settings, said):
    with pytest.raises(UserError, match=said):
        Notify(**settings)


@pytest.mark.parametrize(
    "part",
    [f"notify.webhook={SECRET}", f"notify={{webhook: '{SECRET}', events: [end]}}"],
)
def test_the_command_of_the_record_has_no_webhook(part):
    (kept,) = recorded_command([part])
    assert "s3cret" not in kept
    assert "abc" not in kept
    assert HIDDEN in kept


def test_other_urls_of_a_command_stay():
    assert hidden_in_command("https://a/b") == "https://a/b"


class TestInASearch:
    def test_the_copy_hides_a_url_and_keeps_a_variable(self, make_search, tmp_path, monkeypatch):
        monkeypatch.setenv("HOOK", SECRET)
        for name, webhook, kept in [("a", SECRET, HIDDEN), ("b", "$HOOK", "$HOOK")]:
            search = make_search(f'notify={{webhook: "{webhook}", events: [end]}}')
            paths = RunPaths(tmp_path / "runs" / name)
            paths.folder.mkdir(parents=True)
            write_search(search, paths)
            for file in paths.folder.iterdir():
                assert "s3cret" not in file.read_text()
            again = read_search(paths).notify
            assert again == Notify(webhook=kept, events=("end",))
            assert bool(search.advice) == (name == "a")

    def test_a_hidden_url_cannot_be_used(self, make_search, tmp_path):
        search = make_search(f"notify.webhook={SECRET}")
        file = tmp_path / "copy.yaml"
        file.write_text(dump_yaml(search.to_mapping()))
        with pytest.raises(SearchInvalid, match="the record has no more of it than https://hooks"):
            load_search(file, check_files=True)

    def test_a_variable_that_is_not_set_is_a_mistake_before_a_start(self, make_search):
        search = make_search("notify.webhook=$NO_SUCH_HOOK")
        with pytest.raises(SearchInvalid, match="NO_SUCH_HOOK, which is not set"):
            load_search(search.source, ["notify.webhook=$NO_SUCH_HOOK"], check_files=True)

    def test_a_search_that_tells_nobody_has_no_such_block(self, make_search):
        assert "notify" not in make_search().to_mapping()

    def test_an_unknown_event_is_a_mistake(self, make_search):
        with pytest.raises(SearchInvalid, match=r"notify: events.1 is 'stop'.*'start', 'best'"):
            make_search("notify={command: 'true', events: [start, stop]}")
