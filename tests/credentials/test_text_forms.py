"""Every record that holds a secret, written down in every way Python knows: none shows a value."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.credentials import Chain, KeyringProcess
from reportdash.credentials.handed import Handed
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.values import Secrets, Stored
from reportdash.credentials.vault import FILE_NAME, Vault
from reportdash.model import Credential
from reportdash.net.http import Reply, Request, Session
from reportdash.net.sessions import Sessions
from reportdash.net.trace import Known
from reportdash.told import Signed
from reportdash.tui.screens.parts import Field
from reportdash.tui.widgets.edit import LineEdit
from tests.credentials.keyrings import CHEAP
from tests.faults.canaries import hits

CANARY = "canary-text-form-61"
SECRETS = Secrets({"api_key": CANARY})
ENVIRON = {"REPORTDASH_SECRET__MAIN__API_KEY": CANARY}


def sessions() -> Sessions:
    async def sign_in(old: Session | None) -> Session:
        return Session(CANARY)

    made = Sessions(sign_in, SystemClock())
    made._session = Session(CANARY, CANARY)
    return made


def vault() -> Vault:
    made = Vault(Path(FILE_NAME), cost=CHEAP)
    made._key = made._wrong = ((b"salt", CHEAP), CANARY.encode())
    return made


def chain() -> Chain:
    made = Chain(environ=ENVIRON, folder=Path(), use_keyring=False)
    made._memory["main"] = Stored(("https://x:443",), SECRETS)
    made._note(SECRETS)
    return made


RECORDS: dict[str, Callable[[], object]] = {
    "Secrets": lambda: SECRETS,
    "Stored": lambda: Stored(("https://x:443",), SECRETS),
    "Handed": lambda: Handed(SECRETS, "environment"),
    "Credential": lambda: Credential(SECRETS, None, "vault"),
    "Credential, made elsewhere": lambda: Credential({"api_key": CANARY}, None, "login"),
    "Session": lambda: Session(CANARY, CANARY),
    "Sessions": sessions,
    "Request": lambda: Request(
        "POST", f"/{CANARY}", {"q": CANARY}, {"j": CANARY}, {"f": CANARY}, {"h": CANARY}
    ),
    "Reply": lambda: Reply(200, {"x": CANARY}, CANARY.encode(), CANARY),
    "Signed": lambda: Signed(f"https://files.example/x?Signature={CANARY}"),
    "Known": lambda: Known([CANARY]),
    "Vault": vault,
    "Unlocking": lambda: Unlocking(vault(), ENVIRON),
    "Chain": chain,
    "KeyringProcess": lambda: KeyringProcess(ENVIRON),
    "Field": lambda: Field("API key", LineEdit(CANARY), secret=True),
}


def shown(record: object) -> str:
    """The record in each text form, and in a traceback that shows the locals of its frames."""
    texts = [repr(record), str(record), f"{record}", f"{record!a}", f"{[record]} { ({'k': record}) }"]
    try:
        raise RuntimeError("x")
    except RuntimeError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join([*texts, *trace.format()])


@pytest.mark.parametrize("name", RECORDS)
def test_no_text_form_shows_a_value(name: str) -> None:
    text = shown(RECORDS[name]())
    assert "record = " in text, "the locals are in it"
    assert hits([(name, text.encode())], [CANARY]) == []


@pytest.mark.parametrize("name", ["Secrets", "Stored", "Handed", "Credential"])
@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy, asdict])
def test_what_holds_a_credential_is_not_written_out_by_accident(
    name: str, way: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError) as caught:
        way(RECORDS[name]())
    assert CANARY not in str(caught.value)
