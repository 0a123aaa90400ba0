"""The command line."""

import click

from portable.commands import (
    check,
    cost,
    environment,
    fault,
    image,
    leftovers,
    parity,
    restart,
    run,
    shift,
    split,
    task,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="portable-cli")
def main() -> None:
    """Run one FastAPI codebase on AWS Lambda and on ECS Fargate."""


for command in (
    check.check,
    run.run,
    parity.parity,
    split.split,
    shift.shift,
    image.image,
    leftovers.leftovers,
    cost.cost,
    fault.fault,
    restart.restart,
    task.task,
    environment.environment,
    environment.rename,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
