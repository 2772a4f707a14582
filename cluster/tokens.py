"""The token of Ray's authentication: where it lies, and who is sent it.

Whoever reaches a Ray cluster without a token can run any code there.
"""

import os
import secrets
import socket
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError

_MODE = "RAY_AUTH_MODE"
_TIMEOUT_S = 10.0


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
        os.environ.setdefault(_MODE, "token")


def send_token_if_wanted(address: str) -> None:
    """Let Ray send the token to a cluster that wants one, and keep it from one that does not.

    A driver that sends a token wants it from its workers, too. Those of a cluster without one have
    none, so no trial would ever begin; and where a token is wrong Ray asks for 20 s.

    Args:
        address: as Ray takes it; of the head's control service where it is `host:port`.

    Raises:
        ClusterError: the cluster wants a token that is not here, this process wants one of a
            cluster that has none, or no Ray head answers there.
    """
    service = _control_service(address)
    is_open = None if service is None else _admits(service, None)
    if is_open and os.environ.get(_MODE) == "token":
        raise ClusterError(
            f"the Ray cluster at {address} wants no token, and {_MODE}=token wants one of its "
            f"workers, so that none could begin: unset {_MODE}"
        )
    if is_open:
        return
    if service is not None and is_open is False and not _admits(service, _token()):
        raise ClusterError(no_entry(address))
    send_token()
    if is_open is False and os.environ[_MODE] != "token":
        raise ClusterError(
            f"the Ray cluster at {address} wants its token, and {_MODE}={os.environ[_MODE]} keeps "
            f"it back: unset {_MODE}"
        )


def no_entry(address: str) -> str:
    """Return what is said of a cluster that does not accept the token of this machine."""
    state = "the token of this machine is another" if has_token() else "there is none here"
    return (
        f"the Ray cluster at {address} wants its token, and {state}: put the "
        "cluster's into ~/.ray/auth_token or RAY_AUTH_TOKEN"
    )


def make_token() -> None:
    """Make a token for this user, unless there is one; nobody else can read it."""
    if has_token():
        return
    file = token_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_hex(32))


def _token() -> str | None:
    """Return the token of this machine."""
    if given := os.environ.get("RAY_AUTH_TOKEN"):
        return given
    try:
        return token_file().read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _control_service(address: str) -> str | None:
    """Return the control service that Ray would ask; None where only Ray can find it."""
    if address == "auto":
        folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
        try:
            address = Path(folder, "ray", "ray_current_cluster").read_text(encoding="utf-8").strip()
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_TIMEOUT_S).close()
        except (OSError, ValueError):  # a head that was killed leaves its file
            return None
    return address if ":" in address and "://" not in address else None


def _admits(service: str, token: str | None) -> bool | None:
    """Return whether a control service answers with this token; None: it cannot be told.

    Raises:
        ClusterError: something else answers there, of which Ray would wait for ever.
    """
    import grpc

    if os.environ.get("RAY_USE_TLS") == "1":
        return None
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(service, [("grpc.enable_http_proxy", 0)]) as channel:
        ask: Any = channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")
        try:
            ask(b"", timeout=_TIMEOUT_S, metadata=metadata)
        except grpc.RpcError as error:
            code = getattr(error, "code", lambda: None)()
            if code == grpc.StatusCode.UNAUTHENTICATED:
                return False
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                return None
            raise ClusterError(
                f"what answers at {service} is no Ray head's control service: give the address "
                "that `ray start --head` printed (port 6379, unless it was told another); that of "
                "a dashboard is for `tuner submit`"
            ) from error
    return True
