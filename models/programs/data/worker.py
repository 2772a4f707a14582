"""Worker that makes and studies programs; started by `collection`, never by hand."""

from collections.abc import Sequence
from typing import Any

from models.programs.execution.serving import Handler, serve


def make_handler() -> Handler:
    """Return what works on `(name, ...)`.

    "chunk", seed, number, max_steps, style: the programs of a chunk and why others were rejected.
    "study", seed, programs: for each what `chunks.study` says of it.
    """
    from models.programs.data.chunks import make_chunk, study

    def work(job: tuple[Any, ...]) -> Any:
        name, *content = job
        if name == "chunk":
            programs, rejected = make_chunk(*content)
            return [program.to_plain() for program in programs], dict(rejected)
        return _study_all(study, *content)

    return work


def _study_all(study: Any, seed: int, programs: Sequence[Sequence[int]]) -> list[Any]:
    found = [study(ids, seed) for ids in programs]
    return [each if isinstance(each, str) else each.to_plain() for each in found]


if __name__ == "__main__":
    serve(make_handler)
