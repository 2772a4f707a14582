"""Which wheels a machine needs: requirements are met by what is there, else by the pin."""

import pytest
from packaging.version import Version

from cluster.errors import ClusterError
from cluster.wheels.needs import find_needs
from cluster.wheels.target import Target


class Shelf:
    """Wheels of a folder; of a package without a version the only one."""

    def __init__(self, folder):
        self.folder = folder
        self.fetched = []

    def fetch(self, wanted):
        names = [str(one) for one in wanted]
        self.fetched += names
        found = [name.replace("==", "-").partition(">")[0] for name in names]
        return [next(iter(self.folder.glob(f"{name}-*.whl"))) for name in found]


@pytest.fixture
def needs_of(tmp_path, tiny_wheel):
    def needs_of(requires, shelf, *, has=(), pins=(), extras=(), left_out=()):
        for name, (version, needs) in shelf.items():
            tiny_wheel(tmp_path, name, version, requires=needs)
        project = tiny_wheel(tmp_path, "project", "1.0", requires=requires)
        target = Target(
            python="3.12",
            platform="manylinux_2_28_x86_64",
            has={name: Version(version) for name, version in dict(has).items()},
        )
        source = Shelf(tmp_path)
        found = find_needs(
            project, extras, target, source,
            pins={name: Version(version) for name, version in dict(pins).items()},
            left_out=left_out,
        )  # fmt: skip
        return set(found.wheels) - {"project"}, found, source

    return needs_of


def test_what_others_need_is_brought_once_and_what_is_there_is_left_out(needs_of) -> None:
    shelf = {"a": ("1.0", ["c>=1", "there>=2"]), "b": ("1.0", ["c"]), "c": ("1.0", ["a"])}
    names, found, source = needs_of(["a", "b"], shelf, has={"there": "2.1"})
    assert names == {"a", "b", "c"}
    assert found.relied == {"there": Version("2.1")}
    assert sorted(source.fetched) == ["a", "b", "c>=1"]


def test_what_is_too_old_there_is_brought_by_its_pin(needs_of) -> None:
    shelf = {"old": ("2.0", [])}
    names, found, source = needs_of(["old>=2"], shelf, has={"old": "1.9"}, pins={"old": "2.0"})
    assert names == {"old"}
    assert not found.relied
    assert source.fetched == ["old==2.0"]


def test_what_is_relied_on_first_and_too_old_for_another_is_brought(needs_of) -> None:
    shelf = {"old": ("2.0", []), "a": ("1.0", ["old>=2"])}
    names, found, _ = needs_of(["old", "a"], shelf, has={"old": "1.9"})
    assert names == {"old", "a"}
    assert not found.relied


def test_torch_of_the_machine_stays(needs_of) -> None:
    names, found, _ = needs_of(["torch>=2.11"], {}, has={"torch": "2.11.0+cu130"})
    assert names == set()
    assert found.relied == {"torch": Version("2.11.0+cu130")}
    with pytest.raises(ClusterError, match=r"project wants torch>=2.11, and the target has 2.5"):
        needs_of(["torch>=2.11"], {"torch": ("2.13", [])}, has={"torch": "2.5"})


def test_markers_and_extras_are_followed(needs_of) -> None:
    shelf = {"a": ("1.0", ["b; extra == 'more'", "c"]), "b": ("1.0", []), "c": ("1.0", [])}
    old = ["a[more]; extra == 'x'", "no; python_version < '3.12'", "c; sys_platform == 'linux'"]
    assert needs_of(old, shelf)[0] == {"c"}
    assert needs_of(old, shelf, extras=["x"])[0] == {"a", "b", "c"}


def test_extras_of_what_is_there_are_brought_and_it_is_not(needs_of) -> None:
    shelf = {"a": ("1.0", ["b; extra == 'more'", "c"]), "b": ("1.0", []), "c": ("1.0", [])}
    assert needs_of(["a[more]"], shelf, has={"a": "1.0"})[0] == {"b"}


def test_what_is_left_out_is_told_with_nothing_of_what_it_needs(needs_of) -> None:
    names, found, _ = needs_of(["a"], {"a": ("1.0", ["b"])}, left_out=["A"])
    assert names == set()
    assert found.left_out == {"a"}


def test_versions_that_do_not_go_together_are_refused(needs_of) -> None:
    shelf = {"a": ("1.0", ["c<2"]), "c": ("2.0", [])}
    with pytest.raises(ClusterError, match=r"a wants c<2, and 2\.0 would be there"):
        needs_of(["a", "c"], shelf, pins={"c": "2.0"})
