"""One secret value through every path of a call, and then a search for it wherever something stays."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from reportdash import log
from reportdash.errors import CallFailed
from reportdash.model import Credential
from reportdash.net.client import Sender
from reportdash.net.http import Reply, Request, Session
from reportdash.net.trace import redact_body
from tests.net.conftest import MakeKit, Vendor
from tests.net.lying import Asked, Liar, Peer

PASSWORD = "cAnAry/pass+word=1"
TOKEN = "cAnAry.token.2"
REFRESH = "cAnAry-refresh-3"


class Everywhere(Vendor):
    """Puts its token wherever a vendor might want it."""

    place = "header"

    async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
        reply = await bare.send(
            Request("POST", "/login", form=credential.fields, query={"clientToken": PASSWORD}, job="abc234")
        )
        return Session(reply.object()["accessToken"], reply.object()["refreshToken"])

    def sign(self, request: Request, session: Session) -> Request:
        if self.place == "query":
            return replace(request, query={**request.query, "accessToken": session.token})
        if self.place == "json":
            return replace(request, json={"a": [session.token, {"accessToken": session.token}]})
        if self.place == "form":
            return replace(request, form={"t": f"Bearer {session.token}", "accessToken": session.token})
        if self.place == "path":
            return replace(request, path=f"{request.path}/{session.token}")
        return replace(request, headers={"Authorization": f"Bearer {session.token}"})


def echo(asked: Asked) -> str:
    return f"{asked.target} {asked.headers} {asked.body.decode()} {PASSWORD} {TOKEN} {REFRESH}"


async def html(asked: Asked, peer: Peer) -> None:
    page = f"<html>{echo(asked)}</html>".encode()
    await peer.answer(502, page, {"Content-Type": "text/html"})


async def whole_json(asked: Asked, peer: Peer) -> None:
    await peer.answer(200, {"message": echo(asked), "nested": {"weird": [TOKEN]}, "accessToken": TOKEN})


async def half_json(asked: Asked, peer: Peer) -> None:
    await peer.answer(200, json.dumps({"message": echo(asked), "accessToken": TOKEN})[:-9].encode())


async def refusal(asked: Asked, peer: Peer) -> None:
    await peer.answer(401, {"message": echo(asked)})


async def slow_down(asked: Asked, peer: Peer) -> None:
    await peer.answer(429, {"message": echo(asked)}, {"Retry-After": TOKEN})


async def elsewhere(asked: Asked, peer: Peer) -> None:
    await peer.answer(303, b"", {"Location": f"https://cdn.example/x?Signature={TOKEN}"})


async def back_here(asked: Asked, peer: Peer) -> None:
    await peer.answer(300, b"", {"Location": f"/x/{TOKEN}?accessToken={TOKEN}"})


async def reset(asked: Asked, peer: Peer) -> None:
    peer.reset()


async def bad_header(asked: Asked, peer: Peer) -> None:
    await peer.raw(f"HTTP/1.1 200 OK\r\n{TOKEN} {PASSWORD}\r\n\r\n".encode())
    peer.close()


async def encoded(asked: Asked, peer: Peer) -> None:
    await peer.answer(200, TOKEN.encode(), {"Content-Encoding": TOKEN})


async def too_large(asked: Asked, peer: Peer) -> None:
    await peer.answer(200, TOKEN.encode() * 100)


ANSWERS = [html, whole_json, half_json, refusal, slow_down, elsewhere, back_here, reset, bad_header, encoded,
           too_large]  # fmt: skip


@pytest.mark.parametrize("place", ["header", "query", "json", "form", "path"])
@pytest.mark.parametrize("script", ANSWERS)
async def test_no_path_of_a_call_leaves_a_secret_behind(
    kit: MakeKit, tmp_path: Path, script: object, place: str
) -> None:
    async def door(asked: Asked, peer: Peer) -> None:
        if asked.path == "/login":
            await peer.answer(200, {"accessToken": TOKEN, "refreshToken": REFRESH})
        else:
            await script(asked, peer)  # type: ignore[operator]

    heard = io.StringIO()
    everything = logging.StreamHandler(heard)
    logging.getLogger().addHandler(everything)
    logging.getLogger().setLevel(logging.DEBUG)
    path = log.start(tmp_path, redact_body)
    said: list[str] = []
    try:
        async with Liar(door) as liar:
            vendor = Everywhere()
            vendor.place = place
            made = kit(liar.base, vendor=vendor)
            made.fields = {"username": "operator", "password": PASSWORD}
            try:
                reply = await made.client.send(Request("POST", "/x", job="abc234", cap=1000))
                said += [repr(reply), reply.url]
                if script is not whole_json:
                    reply.object()
            except CallFailed as error:
                log.failure("test", error)
                said += [repr(error), repr(error.__dict__)]
                said += traceback.format_exception(error)
            await made.client.aclose()
            said += [repr(made.kept), repr(made.client), str(made.client.last_error)]
    finally:
        log.stop()
        logging.getLogger().removeHandler(everything)
        logging.getLogger().setLevel(logging.WARNING)
    assert made.kept
    for text in (*said, path.read_text(), heard.getvalue()):
        assert "cAnAry" not in text, text


def test_records_show_nothing_of_what_they_carry() -> None:
    request = Request("POST", f"/{TOKEN}", form={"password": PASSWORD}, headers={"x-api-key": TOKEN})
    assert "cAnAry" not in repr(request)
    assert "cAnAry" not in repr(Reply(200, {"x": TOKEN}, TOKEN.encode(), TOKEN))
    assert "cAnAry" not in repr(Session(TOKEN, REFRESH))


async def test_the_library_keeps_quiet_about_addresses(
    kit: MakeKit, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.answer(200, {})

    caplog.set_level(logging.DEBUG)
    async with Liar(script) as liar:
        await kit(liar.base).client.send(Request("GET", "/x", query={"accessToken": TOKEN}, public=True))
        await asyncio.sleep(0)
    assert "cAnAry" not in caplog.text
