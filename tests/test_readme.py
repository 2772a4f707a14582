"""What README.md says can be checked: counts, files and modules it names."""

import importlib.util
import re
from pathlib import Path

import pytest
from torch import nn

from models.config_file import parse_yaml
from models.grammar_vae.cost import cost_of
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset, survey_presets
from tuner.search.reader import SearchReader

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", README, flags=re.MULTILINE))
BUILT_IN = [preset for preset in survey_presets([GRAMMAR_VAE]).presets if preset.built_in]


@pytest.mark.parametrize("preset", BUILT_IN, ids=lambda preset: preset.name)
def test_parameter_count_of_the_table_is_the_computed_one(preset) -> None:
    cost = cost_of(preset.config, num_productions=56, num_steps=97, num_train_rows=1)
    assert ROWS[preset.name] == f"{cost.num_parameters:,}"


def test_quoted_size_is_one_gru_layer() -> None:
    one = nn.GRU(501, 501)
    assert f"{sum(p.numel() for p in one.parameters()):,}" == "1,509,012"
    assert "1,509,012" in README


def test_the_search_file_of_the_readme_has_no_mistakes() -> None:
    [text] = re.findall(r"```yaml\n(model: .*?)```", README, flags=re.DOTALL)
    content = parse_yaml(text, "README.md")
    assert isinstance(content, dict)
    SearchReader(content, "README.md", find_preset).read()


def test_files_named_in_the_readme_exist() -> None:
    named = re.findall(r"`((?:models|tests|cluster|search_spaces)/[\w./]+)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_modules_named_in_the_readme_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests" / "models")  # as its chapter on models says
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
