"""Messages between a pool and its workers: a length, then plain values.

`marshal` keeps True apart from 1 and takes any int and any text, also halves of surrogate pairs,
which JSON would join. Unlike `pickle` it calls nothing while it reads.
"""

import marshal
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("<Q")
_CHUNK_BYTES = 1 << 18


def send_frame(connection: socket.socket, content: Any) -> None:
    """Send plain values: None, bool, int, float, str, bytes, tuples, lists and dicts of them.

    Raises:
        OSError: the other side has gone, or does not read within the connection's time limit.
    """
    body = marshal.dumps(content)
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive_frame(connection: socket.socket) -> Any:
    """Wait for a message and return its content.

    Raises:
        EOFError: the other side has gone.
    """
    buffer = FrameBuffer()
    while not buffer.is_complete:
        buffer.read_from(connection)
    return buffer.take()


class FrameBuffer:
    """Collects the parts of one message as they arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def is_complete(self) -> bool:
        """Whether a whole message is there."""
        return len(self._bytes) >= _LENGTH.size and len(self._bytes) >= self._end

    def read_from(self, connection: socket.socket) -> None:
        """Read what has arrived, or wait for it.

        Raises:
            EOFError: the other side has gone.
        """
        try:
            part = connection.recv(_CHUNK_BYTES)
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError("the other side of the connection has gone")
        self._bytes += part

    def take(self) -> Any:
        """Return the content of the whole message and forget it."""
        end = self._end
        content = marshal.loads(bytes(self._bytes[_LENGTH.size : end]))
        del self._bytes[:end]
        return content

    @property
    def _end(self) -> int:
        return _LENGTH.size + _LENGTH.unpack_from(self._bytes)[0]
