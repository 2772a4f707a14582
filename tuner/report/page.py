"""Sections into one HTML page that loads nothing: style, script, figures and data stand in it.

The page's own policy forbids every request, and every script but the two that are its own, which
it knows by their hashes. All text is escaped, as names and messages may hold anything.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup, escape

from tuner.report.material import Material
from tuner.report.section import Columns, Section
from tuner.report.verdict import Verdict, progress_words

_HERE = Path(__file__).parent
_TYPED = re.compile(r"`([^`]+)`")


def render_page(material: Material, found: Verdict, sections: Sequence[Section]) -> str:
    """Return the page as HTML."""
    figures = [figure for section in sections for figure in section.figures]
    data: dict[str, Columns] = {}
    for figure in figures:
        data.update(figure.data)
    library, script = _library(), (_HERE / "page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["typed"] = _typed
    template = environment.from_string((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.render(
        run=material.run,
        search=material.search,
        verdict=found,
        progress=progress_words(material),
        problems=material.problems,
        sections=sections,
        written=f"{datetime.fromtimestamp(material.now, UTC):%d %B %Y, %H:%M} UTC",
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        library=Markup(library),
        script=Markup(script),
        hashes=[_hash(library), _hash(script)],
        specs=_json({figure.name: figure.spec for figure in figures}),
        data=_json(data),
    )


@cache
def _library() -> str:
    """Return Vega, Vega-Lite and what puts them into a page, as one script."""
    bundle = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue]
    assert "</script" not in bundle, "it would end the element that it stands in"
    return bundle


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _json(content: Mapping[str, Any]) -> Markup:
    """Return JSON that cannot end its script element; numbers keep five digits."""
    text = json.dumps(_plain(content), allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is no finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def _typed(text: str) -> Markup:
    """Return text in which what stands in backticks is code, and arrows are never torn apart."""
    return Markup(_TYPED.sub(r"<code>\1</code>", str(escape(text)).replace(" -&gt; ", " → ")))
