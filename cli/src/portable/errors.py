"""The errors that a user can cause."""

import click


class PortableError(click.ClickException):
    """One sentence for the user; the command exits with status 1."""

    def show(self, file: object = None) -> None:
        click.echo(f"portable: {self.format_message()}", err=True)
