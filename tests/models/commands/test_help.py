"""`--help` of the models' commands waits for nothing that takes seconds to import."""

import subprocess
import sys

import pytest

COMMANDS = [
    *("grammar_vae.build_dataset", "grammar_vae.train", "grammar_vae.use"),
    *("ast_autoencoder.build_program_dataset", "ast_autoencoder.train", "ast_autoencoder.use"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_comes_without_torch(command):
    code = (
        f"import sys; from models.{command} import main\n"
        "sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: ")
    assert done.stdout.endswith("0 False\n")
