"""The machine that wheels are for."""

import pytest
from packaging.version import Version

from cluster.errors import ClusterError
from cluster.wheels.target import Target, read_packages


def test_wheels_of_older_systems_run_there_and_of_newer_ones_do_not() -> None:
    tags = Target(python="3.12", platform="manylinux_2_18_x86_64").platforms()
    assert tags[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert "manylinux1_x86_64" in tags
    assert not any("2_19" in tag or "aarch64" in tag for tag in tags)


def test_markers_are_of_that_machine() -> None:
    told = Target(python="3.12", platform="manylinux_2_28_aarch64").environment
    assert told["python_version"] == "3.12"
    assert told["python_full_version"] == "3.12.0"
    assert told["platform_machine"] == "aarch64"


@pytest.mark.parametrize("changed", [{"python": "2.7"}, {"python": "cp312"}, {"platform": "linux"}])
def test_machine_that_is_written_otherwise_is_refused(changed) -> None:
    with pytest.raises(ClusterError, match="write it as"):
        Target(**{"python": "3.12", "platform": "manylinux_2_28_x86_64", **changed})


@pytest.mark.parametrize(
    "text",
    ["Torch_Geometric==2.8\n# more\nnumpy==2.5.2  # pinned\n",
     '[{"name": "torch-geometric", "version": "2.8"}, {"name": "numpy", "version": "2.5.2"}]'],
)  # fmt: skip
def test_packages_are_read_as_pip_lists_them(tmp_path, text) -> None:
    file = tmp_path / "have.txt"
    file.write_text(text)
    assert read_packages(file) == {"torch-geometric": Version("2.8"), "numpy": Version("2.5.2")}


@pytest.mark.parametrize(
    ("text", "match"),
    [("numpy 2.5\n", r"line 1: 'numpy 2.5' is not NAME==VERSION"),
     ("numpy==two\n", "'two' of numpy is no version"),
     ("[1]", "is not what `pip list --format=json` writes")],
)  # fmt: skip
def test_other_lists_are_refused(tmp_path, text, match) -> None:
    file = tmp_path / "have.txt"
    file.write_text(text)
    with pytest.raises(ClusterError, match=match):
        read_packages(file)
