"""The token of Ray's authentication: where it lies, and that it is sent.

Whoever reaches a Ray cluster without a token can run any code there.
"""

import os
import secrets
from pathlib import Path


def token_file() -> Path:
    """Return where Ray looks for the token of this user."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else Path.home() / ".ray" / "auth_token"


def has_token() -> bool:
    """Return whether this machine has a token."""
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or token_file().is_file()


def send_token() -> None:
    """Let Ray send the token, which it does only when told before its import."""
    if has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def make_token() -> None:
    """Make a token for this user, unless there is one; nobody else can read it."""
    if has_token():
        return
    file = token_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_hex(32))
