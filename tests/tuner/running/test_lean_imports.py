import subprocess
import sys

import pytest

from tuner.running.lean_imports import import_lean, left_out

NEW = "colorsys"  # of Python's library, imported by nobody here


@pytest.fixture(autouse=True)
def not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, NEW, raising=False)


def test_a_module_that_is_left_out_comes_when_it_is_used():
    with left_out([NEW]):
        import colorsys

        annotated = colorsys.rgb_to_hsv
    assert NEW not in sys.modules
    assert isinstance(annotated, type)
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert NEW in sys.modules


def test_a_module_that_is_there_stays():
    with left_out(["json"]):
        import json

        assert json.loads("1") == 1
    assert sys.modules["json"] is json


def test_what_no_module_has_is_an_error():
    with left_out([NEW]):
        import colorsys
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = colorsys.no_such_name
    with pytest.raises(AttributeError, match="__no_such__"):
        _ = colorsys.__no_such__


def test_a_module_that_fails_is_left_to_who_needs_it():
    import_lean(["no_such_module"])


def test_ray_tune_comes_without_data_sets_and_tables():
    code = (
        "from tuner.running.lean_imports import import_lean\nimport sys\nimport_lean(())\n"
        "print('ray.tune' in sys.modules, {'pandas', 'ray.data'} & {*sys.modules})\n"
        "from ray.tune.result_grid import pd\nprint(pd.DataFrame({'a': [1]}).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["True set()", "(1, 1)"]
