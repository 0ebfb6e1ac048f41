"""`python -m reportdash.cli` is the installed command."""

from reportdash.cli.main import run

run()
