"""The table of the rehearsal: a row for each command."""

from rich.console import Console
from rich.table import Table

from tests.rehearsal.stage import Done


def show(title: str, done: list[Done]) -> None:
    """Print the table of `done` to standard output."""
    table = Table(
        title=f"{title}: {sum(each.seconds for each in done):.0f} s", title_justify="left"
    )
    for name in ("command", "exit", "seconds", "what it left"):
        table.add_column(name, justify="right" if name in ("exit", "seconds") else "left")
    for each in done:
        table.add_row(each.command, str(each.status), f"{each.seconds:.1f}", each.changed)
    Console(width=160).print(table)
