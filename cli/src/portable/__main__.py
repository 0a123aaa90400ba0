"""`python -m portable`."""

from portable.cli import main

main(prog_name="portable")
