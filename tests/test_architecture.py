"""The shape of the tree: who may import whom, no cycles, small files and functions, our names."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cluster
import models
import tuner

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "tuner", "cluster")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in FILES
}
THIRD_PARTY_OF_MODELS = {
    "numpy", "torch", "torch_geometric", "lark", "pydantic", "yaml", "tyro", "rich", "wandb",
    "tensorboard", "safetensors",
}  # fmt: skip
LIGHT_TUNER = ("errors", "record.paths", "search.loading", "search.space", "record.results")


@cache
def imports_of(file: Path, *, nested: bool) -> set[str]:
    """Return the modules a file imports, those inside functions too when `nested`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if nested else _at_load(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            module = node.module or ""
            found.add(module)
            found |= {f"{module}.{a.name}" for a in node.names if f"{module}.{a.name}" in MODULES}
    return found


def _at_load(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that run when the module is loaded, type-checking blocks left out."""
    pending: list[ast.stmt] = list(tree.body)
    found = []
    while pending:
        statement = pending.pop()
        found.append(statement)
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
            pending += statement.orelse
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [n for n in ast.iter_child_nodes(statement) if isinstance(n, ast.stmt)]
    return found


LAYERS = {
    "models": (
        {"errors", "config_file", "effects", "field_types", "key_lines", "mistakes", "wording"},
        {"layers", "optimization", "grammar"},
        {"training"},
        {"presets"},
        {"commands"},
        {"programs", "molecules"},
        {"grammar_vae", "ast_autoencoder"},
        {"registry"},
    ),
    "tuner": (
        {"errors"},
        {"search"},
        {"record"},
        {"estimate", "running", "promotion", "report"},
        {"commands"},
        {"arguments"},
        {"cli", "python"},
        {"__main__"},
    ),
}
"""Rooms from the ground up: each imports from itself and from lower floors; neighbours on a floor
may import each other where NEIGHBOURS says so."""
NEIGHBOURS = {"models": {0, 1}, "tuner": set[int]()}
"""Floors whose modules build on each other; `test_imports_form_no_cycle` keeps order there."""
ONLY_RUNNING = {"ray", "optuna"}
REBUILDS_A_STUDY = "tuner.report.importance"
"""Asks Optuna what mattered, of a study in memory."""


def floor_of(module: str) -> int:
    """Return the floor of a module."""
    package, room = module.split(".")[:2]
    return next(n for n, rooms in enumerate(LAYERS[package]) if room in rooms)


@pytest.mark.parametrize(
    "module", sorted(m for m in MODULES if m.count(".") and m[:7] != "cluster")
)
def test_rooms_import_downwards(module: str) -> None:
    package, room = module.split(".")[:2]
    floor = floor_of(module)
    for name in imports_of(MODULES[module], nested=True):
        parts = name.split(".")
        if parts[0] != package or len(parts) < 2 or parts[1] == room:
            continue
        beside = floor_of(name) == floor and floor in NEIGHBOURS[package]
        assert floor_of(name) < floor or beside, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.startswith("tuner.")))
def test_ray_and_optuna_stay_in_one_room_and_torch_out_of_two(module: str) -> None:
    roots = {name.split(".")[0] for name in imports_of(MODULES[module], nested=True)}
    room = module.split(".")[1]
    kept_out = ONLY_RUNNING - ({"optuna"} if module == REBUILDS_A_STUDY else set())
    assert room == "running" or not roots & kept_out
    assert room not in ("search", "record") or "torch" not in roots


MODEL_ROOMS = ("grammar_vae", "ast_autoencoder")
PAIRS = ("train", "task", "spec", "step", "training_run", "memory", "console")


def test_two_models_have_few_lines_in_common() -> None:
    """What both would say belongs to models/training or models/commands."""
    shared = 0
    for name in PAIRS:
        first, second = (_telling_lines(f"models.{model}.{name}") for model in MODEL_ROOMS)
        shared += sum(line in second for line in first)
    assert shared <= 60


def _telling_lines(module: str) -> list[str]:
    """Return the lines of a module but for imports, brackets and keywords by themselves."""
    text = MODULES[module].read_text(encoding="utf-8") if module in MODULES else ""
    lines = [line.strip() for line in text.splitlines()]
    return [ln for ln in lines if len(ln) >= 12 and not ln.startswith(("import ", "from "))]


def test_few_files_lie_outside_of_rooms() -> None:
    assert len(list((ROOT / "tuner").glob("*.py"))) <= 6
    assert len(list((ROOT / "models").glob("*.py"))) <= 9


@pytest.mark.parametrize("init", sorted(f for f in FILES if f.name == "__init__.py"), ids=str)
def test_every_package_says_what_lives_there(init: Path) -> None:
    text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    assert len(text.split()) >= 5


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_the_right_way(module: str) -> None:
    roots = {name.split(".")[0] for name in imports_of(MODULES[module], nested=True)}
    own = roots & set(PACKAGES)
    package = module.split(".", maxsplit=1)[0]
    if package == "models":
        assert own <= {"models"}
        foreign = roots - set(sys.stdlib_module_names) - {"models"}
        assert foreign <= THIRD_PARTY_OF_MODELS
    if package == "cluster":
        assert own <= {"cluster"}


@pytest.mark.parametrize("name", LIGHT_TUNER)
def test_light_parts_of_the_tuner_load_neither_ray_nor_torch_nor_optuna(name: str) -> None:
    code = (
        f"import sys, tuner.{name}; print(sorted({{'ray', 'torch', 'optuna'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_only_one_file_reads_yaml() -> None:
    readers = [m for m, file in MODULES.items() if "yaml" in imports_of(file, nested=True)]
    assert readers == ["models.config_file"]


def test_imports_form_no_cycle() -> None:
    graph = {
        module: {name for name in imports_of(file, nested=False) if name in MODULES} - {module}
        for module, file in MODULES.items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 80, f"{node.name} has {length} lines"


@pytest.mark.parametrize("package", [cluster, models, tuner], ids=("cluster", "models", "tuner"))
def test_the_packages_under_test_are_ours(package: object) -> None:
    where = Path(str(getattr(package, "__file__", ""))).resolve()
    assert where.is_relative_to(ROOT)


def test_the_top_level_holds_nothing_else() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert names <= {
        "pyproject.toml", "tuner", "models", "search_spaces", "cluster", "tests", "README.md",
        "CHANGELOG.md", "LICENSE", "Makefile", "constraints.txt", ".ci", ".gitignore",
    }  # fmt: skip


def test_every_package_is_listed_for_the_distribution() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for top in (*PACKAGES, "search_spaces")
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert found - {"models.grammar.data"} <= listed
