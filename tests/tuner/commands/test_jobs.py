"""What is told of jobs, whatever cluster they are on."""

import pytest

from cluster import sending
from cluster.job import JobInfo
from cluster.profile import AddressProfile
from models.errors import UserError
from tuner.commands import fetch as fetching
from tuner.commands import jobs
from tuner.commands.clusters import ClusterChoice
from tuner.commands.submit import _note_variables

MESSAGE = (
    "Job entrypoint command failed with exit code 2, last available logs (truncated to 20,000 "
    "chars):\nerror: no such bucket\n"
)


class Queue:
    """A cluster with one job that failed."""

    def job(self, name):
        return JobInfo(
            name=name, state="failed", command="", metadata={"search": "s"}, message=MESSAGE
        )

    def logs(self, name):
        yield "error: no such bucket\n"


def test_failure_is_told_without_the_words_that_lead_to_a_log(monkeypatch, capsys) -> None:
    monkeypatch.setattr(jobs, "chosen_queue", lambda choice: Queue())
    jobs.show_status("one", ClusterChoice(address="http://127.0.0.1:1"))
    said = capsys.readouterr().out
    assert "  Job entrypoint command failed with exit code 2\n  | error: no such bucket" in said


@pytest.mark.parametrize(
    ("given", "told"),
    [({}, "AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL of this shell are not sent along"),
     ({"AWS_ENDPOINT_URL": "http://there"}, "AWS_ACCESS_KEY_ID of this shell is not sent along")],
)  # fmt: skip
def test_what_leads_to_a_bucket_only_here_is_told(given, told, monkeypatch, capsys) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://here")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "secret-id")
    _note_variables(AddressProfile(environment=given))
    said = capsys.readouterr().err
    assert told in said
    assert "secret-id" not in said


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("waiting", r"the job 'one' still waits for its turn, and its run comes to /none/one when "
         r"it begins: `tuner status one --cluster c` tells when"),
        ("running", "there is no folder /none/one: the job 'one' runs, and its run has not begun "
         "yet: `tuner logs one -f --cluster c` shows how far"),
        ("failed", r"'one' failed before its run began \(Job entrypoint command failed with exit "
         r"code 2\): `tuner logs one --cluster c` says by what; mend that, then submit it again by "
         "another --name$"),
        ("stopped", "'one' was stopped before its run began: submit it again by another --name$"),
        ("succeeded", "'one' succeeded, so its run was moved or removed there since"),
    ],
)  # fmt: skip
def test_run_that_is_not_there_is_told_by_the_state_of_its_job(
    state, told, monkeypatch, tmp_path
) -> None:
    class There(Queue):
        def job(self, name):
            known = {"storage": "/none", "run": "one"}
            message = MESSAGE if state == "failed" else ""
            return JobInfo(name=name, state=state, command="", metadata=known, message=message)

    def no_folder(what, queue):
        return lambda request: [sending.MARK + '{"problem": "there is no folder /none/one"}']

    monkeypatch.setattr(fetching, "chosen_queue", lambda choice: There())
    monkeypatch.setattr(fetching, "folder_there", no_folder)
    with pytest.raises(UserError, match=told):
        fetching.fetch("one", ClusterChoice(profile="c"), to=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
