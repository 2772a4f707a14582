"""Servers of buckets on loopback, for tests: Amazon's by moto, Google's by gcp-storage-emulator.

Both keep what they are given in memory.
"""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from free_ports import free_ports

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-of-the-bucket",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def amazon():
    """Start a server and make the bucket `tests`; yields the variables that lead there."""
    pytest.importorskip(
        "moto.server", reason="no S3-compatible server: pip install 'moto[s3,server]'"
    )
    (port,) = free_ports(1)
    with _served("moto.server", "-H", "127.0.0.1", "-p", str(port), port=port):
        variables = {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            from pyarrow.fs import S3FileSystem

            files = S3FileSystem(
                endpoint_override=f"127.0.0.1:{port}", scheme="http", allow_bucket_creation=True
            )
            files.create_dir("tests")
        yield variables


@contextmanager
def google():
    """Start a server with the bucket `tests`; yields the variables that lead there."""
    pytest.importorskip(
        "gcp_storage_emulator", reason="no server for gs://: pip install gcp-storage-emulator"
    )
    (port,) = free_ports(1)
    words = ("start", "--host", "127.0.0.1", "--port", str(port), "--in-memory")
    with _served("gcp_storage_emulator", *words, "--default-bucket", "tests", port=port):
        yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}


@contextmanager
def _served(module, *words, port):
    """Run a server until the block ends; it answers when the block begins."""
    command = [sys.executable, "-m", module, *words]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def plain_environment():
    """Return our variables, without any that name clusters, runs or buckets."""
    words = ("RAY_", "TUNER_", "AWS_", "STORAGE_")
    return {key: value for key, value in os.environ.items() if not key.startswith(words)}
