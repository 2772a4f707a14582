"""Reads the file that W&B keeps of an offline run, which is LevelDB's log with protocol buffers."""

import json
from pathlib import Path

from wandb.proto import wandb_internal_pb2

_BLOCK = 32768
_HEADER = 7


def offline_parts(folder: Path) -> list[dict]:
    """Return what every offline run below a folder holds, the oldest first."""
    files = sorted(folder.rglob("offline-run-*/run-*.wandb"), key=lambda file: file.parent.name)
    return [read_part(file) for file in files]


def read_part(file: Path) -> dict:
    part = {"history": [], "config": {}, "summary": {}, "exit": None}
    for content in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            part["history"].append(_values(record.history.item))
        elif kind == "run":
            run = record.run
            part |= {"id": run.run_id, "name": run.display_name, "group": run.run_group}
            part |= {"project": run.project, "tags": list(run.tags)}
            part["config"] |= _values(run.config.update)
        elif kind == "summary":
            part["summary"] |= _values(record.summary.update)
        elif kind == "exit":
            part["exit"] = record.exit.exit_code
    return part


def _values(items):
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(content: bytes):
    place, whole = _HEADER, b""  # W&B's own header
    while place + _HEADER <= len(content):
        if _BLOCK - place % _BLOCK < _HEADER:
            place += _BLOCK - place % _BLOCK
            continue
        length = int.from_bytes(content[place + 4 : place + 6], "little")
        kind = content[place + 6]
        whole += content[place + _HEADER : place + _HEADER + length]
        place += _HEADER + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""
