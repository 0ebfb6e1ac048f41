"""`credential_command`: the operator's program that prints an account's secrets. No shell, no terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence

from reportdash.credentials.ending import let_go
from reportdash.credentials.values import LONGEST, Secrets, choose, is_text
from reportdash.errors import CredentialProblem

PATIENCE = 10.0
"""Seconds a command may take."""
# Other accounts' secrets, and the terminal by its names. Left out, not set to something else: a pinentry that
# is told of a terminal which is none, such as /dev/null, waits there for ever.
_WITHHELD = ("REPORTDASH_SECRET__", "GPG_TTY", "SSH_TTY")


async def run(
    account: str,
    argv: Sequence[str],
    fields: Sequence[Sequence[str]],
    environ: Mapping[str, str],
    patience: float = PATIENCE,
) -> Secrets:
    """The secrets `argv` prints: a JSON object, `field=value` lines, or one bare line for a single field.

    Raises CredentialProblem; what the command printed is never repeated.
    """
    name = f"{account}: credential_command"
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={key: value for key, value in environ.items() if not key.startswith(_WITHHELD)},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a command"
        raise CredentialProblem(f"{name} cannot be run ({reason}): correct it in the config") from None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(patience):
            raw = b""
            while len(raw) <= LONGEST and (part := await process.stdout.read(LONGEST)):
                raw += part
            code = await process.wait() if len(raw) <= LONGEST else None
    except TimeoutError:
        raise CredentialProblem(
            f"{name} gave no answer within {patience:g} seconds and was ended: it must work without "
            "a terminal"
        ) from None
    finally:
        # Also when we are cancelled; and the group, since a helper may outlive the command itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await let_go(process)
    if code != 0:
        # Not what it wrote on stderr: a script that traces itself writes its secrets there.
        raise CredentialProblem(f"{name} {_ending(code)}: run it by hand to see why")
    chosen = choose(fields, _parse(raw, fields))
    if chosen is None:
        wanted = " or ".join(" and ".join(part) for part in fields)
        raise CredentialProblem(
            f"{name} printed no complete credential: it must print {wanted} as a JSON object or as "
            "field=value lines, in UTF-8"
        )
    return chosen


def _ending(code: int | None) -> str:
    if code is None:
        return "printed too much"
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}, without a terminal to ask on"


def _parse(raw: bytes, fields: Sequence[Sequence[str]]) -> dict[str, str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return {}
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return {str(key): value for key, value in data.items() if isinstance(value, str) and is_text(value)}
    # A value has all characters between its sign and the line's end, blanks and rare separators as well.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    names = {field for wanted in fields for field in wanted}
    found = {}
    for line in lines:
        key, sign, value = line.partition("=")
        if sign and key.strip() in names:
            # `field = value`: the blanks are no part of it. `field=value` is taken to the letter.
            found[key.strip()] = value.strip(" \t") if key[-1:].isspace() else value
    full = [line for line in lines if line.strip()]
    if not found and len(full) == 1 and all(len(wanted) == 1 for wanted in fields):
        # A key alone, as most password stores print it.
        return {wanted[0]: full[0] for wanted in fields}
    return found
