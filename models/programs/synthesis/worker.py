"""Worker that searches loops; started by `search.py`, never by hand."""

from collections.abc import Sequence
from typing import Any

from models.programs.execution.serving import Handler, serve


def make_handler() -> Handler:
    """Return what works out jobs.

    ("start", arguments): begins a search with the arguments of `LoopSearch` by name.
    ("level", cost): returns what `LoopSearch.level` does.
    ("write", numbers, fired): returns what `LoopSearch.write` does.
    """
    from models.programs.synthesis.loop_search import LoopSearch

    searches: list[LoopSearch] = []

    def work(job: Sequence[Any]) -> Any:
        name, *content = job
        if name == "start":
            searches[:] = [LoopSearch(**content[0])]
            return True
        return searches[0].level(*content) if name == "level" else searches[0].write(*content)

    return work


if __name__ == "__main__":
    serve(make_handler)
