"""Packages: all files in their place, the same for the same files, never too large."""

import zipfile

import pytest

from cluster.errors import PackageTooLarge
from cluster.package import pack


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"1234")
    return path


def test_package_holds_files_and_texts_in_their_places(tmp_path, file) -> None:
    target = pack(tmp_path / "p.zip", {"x/a.bin": file}, {"job/s.yaml": "a: 1"})
    with zipfile.ZipFile(target) as found:
        assert found.read("x/a.bin") == b"1234"
        assert found.read("job/s.yaml") == b"a: 1"


def test_same_files_make_the_same_package(tmp_path, file) -> None:
    one, other = (pack(tmp_path / n, {"a": file}, {"t": "u"}) for n in ("1.zip", "2.zip"))
    assert one.read_bytes() == other.read_bytes()


def test_too_large_package_is_refused_with_its_largest_files(tmp_path) -> None:
    import random

    for name, size in (("big", 3_000_000), ("mid", 500_000), ("tiny", 10)):
        (tmp_path / name).write_bytes(random.Random(0).randbytes(size))
    files = {name: tmp_path / name for name in ("tiny", "big", "mid")}
    with pytest.raises(
        PackageTooLarge, match=r"take 3\.3 MiB, and the cluster takes 1\.0"
    ) as error:
        pack(tmp_path / "p.zip", files, {}, max_bytes=1024**2)
    lines = str(error.value).splitlines()[1:]
    assert [line.split()[-1] for line in lines] == ["big", "mid", "tiny"]


@pytest.mark.parametrize("place", ["/etc/x", "../x", "a/../../x", ""])
def test_no_place_leads_out_of_the_package(tmp_path, file, place) -> None:
    with pytest.raises(ValueError, match="leads out of the package"):
        pack(tmp_path / "p.zip", {place: file}, {})
