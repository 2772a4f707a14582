"""What Python says to decoded programs."""

from models.programs.language import compiling
from models.programs.language.compiling import compile_program
from models.programs.language.from_source import source_to_ids


def test_a_program_of_the_language_compiles_and_defines_what_it_reads():
    source = (
        "def program(v0: list) -> int:\n    v1 = len(v0)\n    v0.append(v1)\n    return sum(v0)\n"
    )
    compiled = compile_program(source_to_ids(source).ids)
    assert compiled.compiles
    assert compiled.undefined == ()
    assert compiled.source.strip() == source.strip()


def test_random_programs_compile(program_ids):
    for ids in program_ids[:50]:
        compiled = compile_program(ids[ids >= 0].tolist())
        assert compiled.compiles
        assert not compiled.undefined


def test_a_name_that_nothing_defines_is_told(monkeypatch):
    text = "def program(v0: int) -> int:\n    return v0 + v7 + len(str(v0).strip())\n"
    monkeypatch.setattr(compiling, "ids_to_source", lambda ids: text)
    assert compile_program([]).undefined == ("v7",)


def test_a_local_name_without_a_value_on_some_path_is_told(monkeypatch):
    text = "def program(v0: int) -> int:\n    if v0 > 0:\n        v1 = 1\n    return v0 + v1\n"
    monkeypatch.setattr(compiling, "ids_to_source", lambda ids: text)
    assert compile_program([]).undefined == ("v1",)


def test_a_variable_named_like_a_method_is_no_method(monkeypatch):
    text = "def program(v0: str) -> int:\n    return v0.count('a') + count\n"
    monkeypatch.setattr(compiling, "ids_to_source", lambda ids: text)
    assert compile_program([]).undefined == ("count",)


def test_what_python_refuses_does_not_compile(monkeypatch):
    monkeypatch.setattr(compiling, "ids_to_source", lambda ids: "def program(:")
    assert not compile_program([]).compiles
