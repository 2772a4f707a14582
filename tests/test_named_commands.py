"""Whatever a message, a docstring or a file for users tells to type exists: commands and flags."""

import argparse
import ast
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tuner.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "tuner", "cluster", "search_spaces")
TUNER = re.compile(r"(?:`|\$ |^\s*|\bPATH )tuner ([a-z]+)((?: [^`\n]*)?)", flags=re.MULTILINE)
MODULE = re.compile(r"python -m ((?:models|tuner|cluster)[\w.]*\w)(?: ([a-z]+)(?![\w/.]))?")
FLAG = re.compile(r"(?<![\w-])--([a-z]\w*)")


def texts() -> dict[str, str]:
    """Return what users read: strings of the code, whole files of other kinds."""
    found = {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            name = str(file.relative_to(ROOT))
            if file.suffix == ".py":
                found[name] = "\n".join(strings_of(file))
            elif file.suffix in (".yaml", ".sh"):
                found[name] = re.sub(r"(?m)^# ?", "", file.read_text(encoding="utf-8"))
    return found


def strings_of(file: Path) -> list[str]:
    """Return the texts of a Python file; where a value is put in, `{}` stands for it."""
    parts = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts.append(
                "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts.append(node.value)
    return parts


TEXTS = texts()


@cache
def tuner_commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command of `tuner`."""
    actions = build_parser()._actions
    return next(dict(a.choices or {}) for a in actions if isinstance(a, argparse._SubParsersAction))


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the flags of a command and of its actions."""
    found = {text for action in parser._actions for text in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {flag for each in (action.choices or {}).values() for flag in flags_of(each)}
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_commands_of_the_tuner_exist_with_their_flags(name: str) -> None:
    commands = tuner_commands()
    for command, rest in TUNER.findall(TEXTS[name]):
        assert command in commands
        assert {f"--{flag}" for flag in FLAG.findall(rest)} <= flags_of(commands[command])


@pytest.mark.parametrize("name", TEXTS)
def test_modules_told_to_run_exist(name: str) -> None:
    modules = {module for module, _ in MODULE.findall(TEXTS[name])} - {"models"}
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


@pytest.mark.parametrize("model", ["grammar_vae", "ast_autoencoder"])
def test_subcommands_told_to_run_exist(model: str) -> None:
    module = f"models.{model}.use"
    told = {sub for text in TEXTS.values() for name, sub in MODULE.findall(text) if name == module}
    shown = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True
    ).stdout
    offered = set(re.findall(r"\{([a-z,]+)\}", shown)[0].split(","))
    assert told - {""} <= offered


def test_the_rules_see_what_they_look_for() -> None:
    assert TUNER.findall("go on: `tuner resume NAME --now`") == [("resume", " NAME --now")]
    assert MODULE.findall("with python -m models.grammar_vae.use sample --model x") == [
        ("models.grammar_vae.use", "sample")
    ]
    assert sum(bool(TUNER.search(text)) for text in TEXTS.values()) > 5
