"""Runs Python sources on inputs with Python's own evaluator, in this limited process only.

stdin: marshal of [(source, [inputs, ...]), ...]; stdout: marshal of, for each, a list of
("value", value), ("error", name) or ("limit", ""). Started by tests and benchmarks.
"""

import marshal
import resource
import signal
import sys

SECONDS_A_RUN = 1.0


def main():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
    signal.signal(signal.SIGALRM, _stop)
    tasks = marshal.load(sys.stdin.buffer)
    marshal.dump([_run(source, inputs) for source, inputs in tasks], sys.stdout.buffer)


def _run(source, inputs):
    namespace = {}
    exec(compile(source, "program", "exec"), namespace)
    program = namespace["program"]
    return [_outcome(program, values) for values in inputs]


def _outcome(program, values):
    copies = [v.copy() if isinstance(v, list | set | dict) else v for v in values]
    signal.setitimer(signal.ITIMER_REAL, SECONDS_A_RUN)
    try:
        return ("value", program(*copies))
    except (TimeoutError, MemoryError):
        return ("limit", "")
    except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
        return ("error", type(error).__name__)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(*_):
    raise TimeoutError


if __name__ == "__main__":
    main()
