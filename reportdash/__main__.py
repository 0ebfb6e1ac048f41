"""`python -m reportdash` is the installed command."""

from reportdash.cli.main import run

run()
