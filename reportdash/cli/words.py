"""The words of every command, as argparse reads them. The contract with scripts; nothing is run here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from reportdash import __version__
from reportdash.errors import UsageProblem

DESCRIPTION = "One live table of report jobs at several vendors. Without a command: the dashboard."
EPILOG = """\
exit codes: 0 all well · 1 a job failed or a download did not finish · 2 usage or config ·
3 credentials missing or refused · 4 vendor unreachable or timed out · 5 refused by a safety rule ·
70 internal error · 130 interrupted.
Data goes to stdout, sentences for people to stderr. A QUERY that begins with - comes after --.
"""


class _Parser(argparse.ArgumentParser):
    """argparse that answers a wrong word with one sentence and exit code 2."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, extra = self.parse_known_args(args, namespace)
        if extra:
            takes_query = found.command == "download" or hasattr(found, "query")
            dashed = "; a QUERY that begins with - comes after --" if takes_query else ""
            whose = f"{self.prog} {found.command}" if found.command else self.prog
            # The command's help has its words; the parser that notices is the one above it.
            raise UsageProblem(
                f"unrecognized arguments: {' '.join(extra)}{dashed}; `{whose} --help` shows the words"
            )
        return found

    def error(self, message: str) -> NoReturn:
        raise UsageProblem(f"{message}; `{self.prog} --help` shows the words")


def _globals(parser: argparse.ArgumentParser, *, top: bool) -> None:
    """The global flags, accepted before and after the command's name."""
    absent: Any = None if top else argparse.SUPPRESS
    off: Any = False if top else argparse.SUPPRESS
    group = parser.add_argument_group("everywhere")
    group.add_argument("--config", metavar="FILE", default=absent, help="the config file (REPORTDASH_CONFIG)")
    group.add_argument(
        "--data-dir", metavar="DIR", default=absent, help="the folder of the ledger (REPORTDASH_DATA_DIR)"
    )
    group.add_argument("--read-only", action="store_true", default=off, help="look, but change nothing")
    group.add_argument(
        "--debug", action="store_true", default=off, help="write a log into the data folder, show bytes sent"
    )


def build_parser() -> argparse.ArgumentParser:
    """Every command and flag of the contract."""
    parser = _Parser(
        prog="reportdash",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"reportdash {__version__}")
    _globals(parser, top=True)
    parser.set_defaults(run="dash:dashboard", command=None)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: str, summary: str, description: str = "") -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=description or summary, allow_abbrev=False)
        _globals(sub, top=False)
        sub.set_defaults(run=run, command=name)
        return sub

    demo = command("demo", "demo:demo", "the dashboard on the built-in simulator: no account, no network")
    demo.add_argument("--jobs", metavar="N", type=_whole(1, 1_000_000), default=100, help="rows in the table")
    demo.add_argument(
        "--changes", metavar="R", type=_number(0, 200), help="changes a second, 0 to 200; else a natural pace"
    )
    _simulator_flags(demo)

    simulator = command(
        "simulator", "demo:simulator", "the simulator alone; prints a config that works with it"
    )
    simulator.add_argument(
        "--port", metavar="P", type=_whole(0, 65_531), default=0, help="first of five ports"
    )
    _simulator_flags(simulator)

    accounts = command("accounts", "accounts:accounts", "accounts, where each credential lives, health")
    _json(accounts)

    login = command("login", "login:login", "store an account's credential, after trying it")
    login.add_argument("account", metavar="ACCOUNT")
    login.add_argument("--stdin", action="store_true", help="read field=value lines from stdin")
    login.add_argument(
        "--store",
        metavar="S",
        choices=("keyring", "vault", "plaintext"),
        help="where to keep it: keyring, vault (a file with a passphrase), or plaintext, on that word typed "
        "(default: where it was kept, else the keyring, else the vault)",
    )

    logout = command("logout", "login:logout", "remove an account's stored credential")
    logout.add_argument("account", metavar="ACCOUNT")

    vault = command("vault", "vault:vault", "the encrypted file of credentials; its passphrase anew")
    vault.add_argument(
        "what",
        metavar="passphrase",
        nargs="?",
        choices=("passphrase",),
        help="change it: the old one is asked for, then the new one",
    )

    submit = command("submit", "submit:submit", "start a report at a vendor; prints the job id")
    submit.add_argument("account", metavar="ACCOUNT", nargs="?")
    submit.add_argument("report", metavar="REPORT", nargs="?")
    submit.add_argument("--again", metavar="JOB", help="the same report as JOB, parameters corrected by -p")
    submit.add_argument("-p", dest="params", metavar="key=value", action="append", default=[])
    submit.add_argument("--format", metavar="F", help="file format, where the vendor has a choice")
    submit.add_argument("--from", dest="time_from", metavar="T", help="start of the time span, inclusive")
    submit.add_argument("--to", dest="time_to", metavar="T", help="end of the time span, exclusive")
    submit.add_argument("--name", metavar="NAME", help="what the table calls it")
    submit.add_argument("--wait", action="store_true", help="follow the job until it is settled")

    track = command("track", "submit:track", "follow a job started elsewhere; no network")
    track.add_argument("account", metavar="ACCOUNT")
    track.add_argument("reference", metavar="REFERENCE", nargs="?")
    track.add_argument("--all", action="store_true", help="adopt every job the vendor lists")
    track.add_argument("--name", metavar="NAME", help="what the table calls it")
    track.add_argument("--for", dest="for_", metavar="JOB", help="the submit this reference belongs to")

    jobs = command("jobs", "jobs:jobs", "the table, once, from the ledger; no network")
    _query(jobs)
    _json(jobs)

    show = command("show", "jobs:show", "everything known of one job")
    show.add_argument("job", metavar="JOB")
    _json(show)

    watch = command("watch", "watch:watch", "poll without a screen; one line a change")
    _query(watch)
    watch.add_argument(
        "--until",
        choices=("settled", "ready", "never"),
        default="settled",
        help="when to stop (default: settled)",
    )
    watch.add_argument("--timeout", metavar="SECONDS", type=_number(0, 10**9), help="give up after this long")
    watch.add_argument("--download", action="store_true", help="save what becomes ready")
    _json(watch)

    download = command("download", "files:download", "save reports on this server; prints their paths")
    download.add_argument("jobs", metavar="JOB", nargs="*", help="with --all-ready: a QUERY")
    download.add_argument("--all-ready", action="store_true", help="every ready job that is not saved")
    download.add_argument("--to", metavar="DIR", help="into this folder instead of download_dir")

    delete = command("delete", "files:delete", "delete at the vendor")
    delete.add_argument("jobs", metavar="JOB", nargs="+")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--unsaved", action="store_true", help="also what is not saved here")

    forget = command("forget", "files:forget", "take from the table only; nothing is sent")
    forget.add_argument("jobs", metavar="JOB", nargs="+")
    forget.add_argument("--unsaved", action="store_true", help="also what is not saved here")

    doctor = command(
        "doctor",
        "doctor:doctor",
        "look at all this server needs, each with what to do; signs in at each account",
    )
    _json(doctor)

    config = command("config", "config:config", "make, show and check the config")
    config.add_argument(
        "what",
        metavar="init|show|validate|schema|path",
        choices=("init", "show", "validate", "schema", "path"),
    )
    return parser


def _simulator_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", metavar="S", type=int, default=1, help="the same seed, the same jobs")
    parser.add_argument("--chaos", action="store_true", help="throttling, resets, broken answers")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="*", help="words, -word, field:value")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return parse
