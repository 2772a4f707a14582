"""`tuner cluster stop`: what is told of the jobs that it cuts off."""

import pytest

from cluster.errors import NoAnswer
from cluster.job import JobInfo
from tuner.commands import cluster, jobs


def job(name, state, **metadata):
    return JobInfo(name=name, state=state, command="", metadata=metadata)


class Queue:
    """A cluster with two jobs that have not ended, one of which brings a run home."""

    def jobs(self):
        return [
            job("done", "succeeded", run="done", storage="/runs"),
            job("long", "running", run="long", storage="/runs"),
            job("bring", "running", what="fetch"),
        ]


def no_answer(choice):
    raise NoAnswer("nobody answers")


@pytest.mark.parametrize(
    ("queue", "told"),
    [(lambda choice: Queue(), ["long was running and is cut off: `tuner resume /runs/long` goes on "
                               "with it, if it had begun"]),
     (no_answer, [])],
)  # fmt: skip
def test_end_of_a_cluster_names_the_jobs_that_it_cuts_off(queue, told, monkeypatch, capsys) -> None:
    monkeypatch.setattr(jobs, "chosen_queue", queue)
    monkeypatch.setattr(cluster, "stop_head", lambda head: True)
    cluster.stop_cluster("local")
    assert capsys.readouterr().out.splitlines()[1:] == told
