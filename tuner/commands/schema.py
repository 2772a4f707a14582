"""`tuner schema`: the JSON Schema of search files, for editors."""

import json
import sys
from pathlib import Path

from models.config_file import write_text
from tuner.search.schema import search_schema


def schema(out: str | None) -> None:
    """Print the schema, or write it to a file and say how an editor is told of it.

    Raises:
        UserError: the file cannot be written.
    """
    found = search_schema()
    if out is None:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return
    write_text(Path(out), json.dumps(found, ensure_ascii=False) + "\n")
    sys.stdout.write(
        f"{out}: written. An editor with a YAML language server takes it from the first line of a "
        f"search: # yaml-language-server: $schema={out}\n"
    )
