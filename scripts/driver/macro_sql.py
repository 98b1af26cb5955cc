"""SQL that the dbt project and the driver share stands once, as a macro of the project; here the driver renders it.

Only self-contained macros can be rendered: those that use their arguments and other self-contained macros, nothing of dbt.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import jinja2

from driver.bootstrap import ROOT


@cache
def _files() -> dict[str, Path]:
    """Each macro's file, by the macro's name."""
    return {path.stem: path for path in (ROOT / "macros").rglob("*.sql")}


@cache
def _environment() -> jinja2.Environment:
    """Where every macro sees every other, compiled when it is first called: all of them take half a second."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL, not HTML
    environment.globals.update({name: partial(_call, name) for name in _files()})
    return environment


@cache
def _macro(name: str) -> Callable[..., str]:
    # Under a name of its own, since a template does not show names that begin with an underscore.
    text = _files()[name].read_text(encoding="utf-8") + f"{{% set macro = {name} %}}"
    return cast("Callable[..., str]", vars(_environment().from_string(text).module)["macro"])


def _call(name: str, *arguments: Any, **named: Any) -> str:
    return _macro(name)(*arguments, **named)


def render_macro(name: str, **arguments: Any) -> str:
    """The SQL text of a self-contained macro, called with these arguments."""
    return _call(name, **arguments).strip()
