"""The one exception a user is meant to see, and the reason that any other gives."""

from __future__ import annotations

import re

import click

AROUND = ("Database Error", "Compilation Error", "Encountered an error", "Runtime Error")
FIELD = re.compile(r"(DETAIL|HINT|QUERY|CONTEXT|LINE \d+):\s*(.*)")
# Where the server was: not our own statements around that, and not a row's values.
PLACE = re.compile(r'((?:\S+ function|COPY) (?!inline_code_block|pg_temp).*?)(?:: ".*)?$')


class Problem(click.ClickException):
    """An expected failure, told in one sentence: what, where, what to do. Exit code 1."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        """Join the parts into the sentence: what is wrong, with which object, file or server, and what to do next."""
        told = f"{what.removesuffix('.')} ({where})" if where else what  # what a server says ends in a full stop
        super().__init__(f"{told.removesuffix('.')}: {do}" if do else told)
        self.what, self.where, self.do = what, where, do


def why(error: BaseException | str) -> str:
    """What the server, dbt or a macro of ours says, in one sentence.

    With its hint and the function that raised it, without dbt's lines around it and the values of a row.
    """
    if isinstance(error, Problem):
        return error.what
    told: list[str] = []
    places: list[str] = []
    field = ""
    for line in filter(None, map(str.strip, str(error).splitlines())):
        if line.startswith(("compiled code at", "> in macro", "> called by")):
            break
        if found := FIELD.match(line):
            field, line = found[1], found[2]  # noqa: PLW2901 - what is left of it
            if told and told[-1][-1] not in ".,:;!?":
                told[-1] += "."
        if field == "DETAIL" and line.startswith(("Key (", "Failing row")):
            field = "QUERY"  # like a query, it may go on for lines
        if field == "CONTEXT":
            places += [place[1] for place in [PLACE.match(line)] if place]
        elif field in ("", "DETAIL", "HINT") and not line.startswith(AROUND):
            told.append(line)
    text = " ".join(told)
    return f"{text.rstrip('.')} (in {'; '.join(places)})" if places else text
