"""The doctor's findings as a user sees them: a table of what was looked at, the estimates, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from driver.doctor import CHECKS
from driver.progress import plain_table
from driver.wording import duration, short, size

if TYPE_CHECKING:
    from rich.console import Console

    from driver.doctor import Diagnosis

STYLES = {"both": "bold red", "window": "red", "online": "red", "none": "yellow"}


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Print everything."""
    chosen = diagnosis.mode
    _print_checks(console, diagnosis)
    _print_estimates(console, diagnosis)
    if diagnosis.estimates and (firing := [f.detail for f in diagnosis.findings if f.code == "update_trigger"]):
        console.print(f"The time of triggers is not in the estimate of online mode: {'; '.join(firing)}.")
    if diagnosis.template:
        console.print("\nTo have test restores and restores work, a superuser can prepare a template, in psql:")
        for statement in diagnosis.template:
            console.print(Text(f"    {statement}".replace("\n", "\n    ")), soft_wrap=True)
    blocking = diagnosis.against(chosen)
    console.print()
    if blocking:
        count = f"{len(blocking)} findings stand" if len(blocking) > 1 else "1 finding stands"
        console.print(Text(f"BLOCKED: {count} in the way of {chosen} mode. Nothing was changed.", "bold red"))
        other = "online" if chosen == "window" else "window"
        if not diagnosis.against(other):
            console.print(f"  Nothing stands in the way of {other} mode.")
        return
    console.print(Text(f"READY: nothing stands in the way of {chosen} mode.", "bold green"))
    if diagnosis.next_command:
        console.print(Text(f"    {diagnosis.next_command}", "bold"), soft_wrap=True)


def _print_checks(console: Console, diagnosis: Diagnosis) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Looked at", no_wrap=True)
    table.add_column("Blocks", no_wrap=True)
    table.add_column("Found, and what to do", overflow="fold")
    for check in CHECKS:
        findings = diagnosis.of_check(check)
        if not findings:
            table.add_row(check, Text("ok", "green"), Text(diagnosis.found.get(check, "")))
        for number, finding in enumerate(findings):
            word = "nothing" if finding.blocks == "none" else finding.blocks
            text = Text(finding.detail).append(f"\n-> {finding.remedy}", "dim" if finding.blocks == "none" else "")
            table.add_row("" if number else check, Text(word, STYLES[finding.blocks]), text)
    console.print(table)


def _print_estimates(console: Console, diagnosis: Diagnosis) -> None:
    if not diagnosis.estimates:
        return
    console.print()
    rows = next(iter(diagnosis.estimates.values())).rows
    table = plain_table(f"Estimate for {rows:,} rows", "Time", "Locked at a time", "WAL", "Disk")
    for mode, estimate in diagnosis.estimates.items():
        table.add_row(
            f"{mode} mode{', rehearsed' if estimate.rehearsed_at else ''}",
            duration(estimate.seconds),
            short(estimate.lock_seconds),
            size(estimate.wal_bytes),
            size(estimate.disk_bytes),
        )
    console.print(table)
