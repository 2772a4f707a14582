"""How to repeat a run: its command, code, packages and data, and the files it was made of."""

import shlex
from collections.abc import Mapping
from typing import Any

from tuner.record.environment import typed
from tuner.record.liveness import RESUMED
from tuner.report.material import Material
from tuner.report.section import Code, Section, Table
from tuner.report.wording import setting


def repeating_section(material: Material) -> Section:
    """Return the section."""
    environment = material.run.environment
    missing = () if environment else ("The run's folder has no environment.json.",)
    return Section(
        anchor="repeat",
        title="How to repeat it",
        words=_words(material, environment),
        missing=missing,
        tables=(Table(columns=("what", "value"), rows=tuple(_facts(environment)), num_open=60),)
        if environment
        else (),
        codes=tuple(_codes(material, environment)),
    )


def commands(material: Material, environment: Mapping[str, Any]) -> str:
    """Return what to type, in the folder that the run's paths are relative to."""
    paths = material.run.paths
    lines = []
    if environment.get("commit"):
        lines.append(f"git checkout {environment['commit']}")
    if environment.get("dirty"):
        lines.append(f"git apply {shlex.quote(str(paths.code_diff_file))}")
    again = f"{paths.name}-again"
    lines.append(f"tuner search {shlex.quote(str(paths.search_file))} --name {again}")
    return "\n".join(lines) + "\n"


def _words(material: Material, environment: Mapping[str, Any]) -> tuple[str, ...]:
    words = ["Seeds are part of the search, so its points are drawn alike."]
    if material.search.resources.gpu:
        words[0] += " Values on a GPU may differ in their last digits."
    if environment.get("dirty"):
        words.append(
            "The code differed from its commit: the differences are in code.diff in the run's "
            "folder, where new files are named but not shown."
        )
    words.append("Search and presets stand below as they were when it began.")
    return tuple(words)


def _facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    if command := typed(environment):
        facts.append(("typed", f"`{command}`"))
    for driver in environment.get(RESUMED, ()):
        facts.append(("resumed", f"{driver.get('began', '')} at {_commit(driver)}"))
    facts.append(("began", str(environment.get("began", "-"))))
    facts.append(("commit", _commit(environment)))
    data = environment.get("data", {})
    settings = data.get("settings", {})
    said = ", ".join(f"{key} {setting(value)}" for key, value in settings.items())
    facts.append(("data", f"{data.get('name', '-')}: {said}"))
    facts.append(("data digest", str(data.get("digest", "-"))))
    rows = [f"{key.removeprefix('num_')} {data[key]:,}" for key in data if key.startswith("num_")]
    if rows:
        facts.append(("rows", ", ".join(rows)))
    seeds = environment.get("seeds", {})
    facts.append(("seeds", ", ".join(f"{key} {value}" for key, value in seeds.items()) or "-"))
    facts.append(
        ("Python", f"{environment.get('python', '-')} on {environment.get('platform', '-')}")
    )
    packages = environment.get("packages", {})
    facts.append(
        ("packages", ", ".join(f"{key} {value}" for key, value in packages.items()) or "-")
    )
    return facts


def _codes(material: Material, environment: Mapping[str, Any]) -> list[Code]:
    paths = material.run.paths
    codes = [
        Code(
            title="Commands",
            text=commands(material, environment),
            note=f"In the folder {environment['folder']}." if environment.get("folder") else "",
        )
    ]
    for file in (paths.search_file, paths.presets_file):
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            codes.append(Code(title=file.name, text=text, folded=True))
    return codes


def _commit(environment: Mapping[str, Any]) -> str:
    commit = environment.get("commit") or "no repository"
    return f"{commit} with changes" if environment.get("dirty") else str(commit)
