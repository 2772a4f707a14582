"""The grammar of a command that reads it once, which may come in a stream."""

from collections.abc import Mapping
from pathlib import Path

from models.commands.standard_input import is_stream, name_of, read_stream_text
from models.config_file import parse_yaml
from models.grammar.grammar import Grammar, load_grammar

_NAME = "given"
"""Of a grammar in a stream that says none: a file has its own."""


def given_grammar(name_or_path: str) -> Grammar:
    """Return a built-in grammar by its name, or that of a file; `-` is standard input.

    Raises:
        UserError: there is none of this name, or what is given is no grammar.
    """
    path = Path(name_or_path)
    if not is_stream(path):
        return load_grammar(name_or_path)
    content = parse_yaml(read_stream_text(path), name_of(path))
    if isinstance(content, Mapping):
        content = {"name": _NAME, **content}
    return Grammar.from_mapping(content, name_of(path))
