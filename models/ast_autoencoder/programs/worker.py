"""Worker that makes chunks of random programs; started by `generate_programs`, never by hand."""

from typing import Any

from models.ast_autoencoder.execution.serving import Handler, serve


def make_handler() -> Handler:
    """Return what makes a chunk: `(seed, number, max_nodes)` to programs and rejections, plain."""
    from models.ast_autoencoder.programs.chunks import make_chunk

    def work(job: tuple[int, int, int]) -> tuple[list[Any], dict[str, int]]:
        programs, rejected = make_chunk(*job)
        return [program.to_plain() for program in programs], dict(rejected)

    return work


if __name__ == "__main__":
    serve(make_handler)
