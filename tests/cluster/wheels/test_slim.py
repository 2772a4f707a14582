"""A wheel without what no search uses installs as any wheel, and its programs run."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from cluster.wheels.slim import slim_wheel

FILES = {
    "ray/tune/__init__.py": "kept = 1\n",
    "ray/tune/tests/test_it.py": "",
    "ray/rllib/__init__.py": "x" * 9999,
    "ray/jars/ray_dist.jar": "x",
    "ray/stub.pyi": "",
    "ray/core/bin/raylet": "#!/bin/sh\necho runs\n",
}


def test_ray_keeps_what_searches_use_and_its_programs_run(tmp_path, tiny_wheel) -> None:
    wheel = tiny_wheel(tmp_path, "ray", "2.60.0", files=FILES)
    slim_wheel(wheel)
    site = tmp_path / "site"
    flags = ("--no-index", "--no-deps", "--quiet", "--target", str(site))
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, str(wheel)], check=True)
    kept = {p.relative_to(site).as_posix() for p in site.rglob("*.*") if "ray/" in p.as_posix()}
    assert kept >= {"ray/__init__.py", "ray/tune/__init__.py"}
    assert not any("rllib" in name or "jars" in name or "tests" in name for name in kept)
    program = site / "ray/core/bin/raylet"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "runs\n"


@pytest.mark.skipif(shutil.which("strip") is None, reason="no strip: apt-get install binutils")
def test_programs_lose_their_symbols_only(tmp_path, tiny_wheel) -> None:
    content = (tmp_path / "program").with_suffix("")
    shutil.copy(shutil.which("true"), content)
    wheel = tiny_wheel(tmp_path, "ray", "1.0", files={"ray/bin/true": content.read_bytes()})
    slim_wheel(wheel)
    with zipfile.ZipFile(wheel) as archive:
        content.write_bytes(archive.read("ray/bin/true"))
    content.chmod(0o755)
    assert subprocess.run([content], check=False).returncode == 0


def test_other_wheels_keep_all_that_they_hold(tmp_path, tiny_wheel) -> None:
    files = {
        "other/tests/a.py": "",
        "other/bin/program": "#!/bin/sh\n",
        "other/b.py": "x = 1\n" * 99,
    }
    wheel = tiny_wheel(tmp_path, "other", "1.0", files=files)
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other/packed.py", "y = 2\n" * 99)
    before = held(wheel)
    slim_wheel(wheel)
    assert held(wheel) == before


def held(wheel):
    """Return content and run bits by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {e.filename: (archive.read(e), e.external_attr) for e in archive.infolist()}
