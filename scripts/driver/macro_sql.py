"""SQL that the dbt project and the driver share stands once, as a macro of the project; here the driver renders it.

Only self-contained macros can be rendered: those that use their arguments and other self-contained macros, nothing of dbt.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

ROOT = Path(__file__).resolve().parents[2]


@cache
def _macros() -> Any:  # a jinja2 template module has its macros as attributes, which no type describes
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL, not HTML
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "macros").rglob("*.sql")))
    return environment.from_string(text).module


def render_macro(name: str, **arguments: Any) -> str:
    """The SQL text of a self-contained macro.

    Args:
        name: the macro's name.
        arguments: its arguments, as in Jinja.
    """
    return str(getattr(_macros(), name)(**arguments)).strip()
