"""Worker that runs programs; started by `ProgramPool`, never by hand."""

from collections.abc import Sequence
from typing import Any

from models.programs.execution.serving import Handler, serve


def make_handler() -> Handler:
    """Return what runs a batch of programs: `(name, limits, runs)` to plain values.

    "run": each run is (ids, inputs), each result a list of (status, value, error).
    "check": each run is (ids, [(inputs, expected), ...]), each result a list of (status, whether
    the value is the expected one), so that long wrong values need not travel.
    "compile": each run is (ids,), each result a list of one (source, compiles, undefined).
    """
    from models.programs.execution.interpreter import Interpreter
    from models.programs.execution.limits import Limits

    interpreters: dict[tuple[int, ...], Interpreter] = {}

    def interpreter(limits: tuple[int, ...]) -> Interpreter:
        if limits not in interpreters:
            interpreters[limits] = Interpreter(Limits.from_tuple(limits))
        return interpreters[limits]

    def work(job: tuple[str, tuple[int, ...], Sequence[tuple[Any, ...]]]) -> list[list[Any]]:
        name, limits, runs = job
        if name == "compile":
            return [_compile(*run) for run in runs]
        run_one = _run if name == "run" else _check
        return [run_one(interpreter(limits), *run) for run in runs]

    return work


def _compile(ids: Sequence[int]) -> list[Any]:
    from models.programs.language.compiling import compile_program

    found = compile_program(ids)
    return [(found.source, found.compiles, found.undefined)]


def _run(interpreter: Any, ids: Sequence[int], inputs: Sequence[Any]) -> list[Any]:
    outcomes = interpreter.run(ids, inputs)
    return [(outcome.status, outcome.value, outcome.error) for outcome in outcomes]


def _check(interpreter: Any, ids: Sequence[int], examples: Sequence[Any]) -> list[Any]:
    outcomes = interpreter.run(ids, [inputs for inputs, _ in examples])
    return [
        (outcome.status, outcome.returned(expected))
        for outcome, (_, expected) in zip(outcomes, examples, strict=True)
    ]


if __name__ == "__main__":
    serve(make_handler)
