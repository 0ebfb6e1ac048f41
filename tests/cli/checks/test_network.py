"""The way to the vendors as `doctor` finds it: sign-in, clock, proxies, certificates."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reportdash.cli.checks import network
from reportdash.cli.checks.finding import Finding
from reportdash.errors import Exit, Unreachable
from reportdash.net import tls
from reportdash.net.dates import Offset
from tests.cli.checks.places import one, patient, problems
from tests.net.lying import Asked, Liar, Peer, always

ACCOUNTS = """
[accounts.main]
vendor = "7g"
base_url = "https://api.example.org"
[accounts.calls]
vendor = "talkdesk"
account = "acme"
region = "eu"
[accounts.here]
vendor = "sigma"
base_url = "http://localhost:9081"
"""
NOW = 1_790_000_000.0


def calls_at(base: str) -> str:
    return f'[accounts.calls]\nvendor = "talkdesk"\nbase_url = "{base}"\nidentity_url = "{base}"\n'


KEYS = {"REPORTDASH_SECRET__CALLS__CLIENT_ID": "me", "REPORTDASH_SECRET__CALLS__CLIENT_SECRET": "canary-90aa"}


async def sign_in(folder: Path, base: str, *, patience: float = 30.0, keys: bool = True) -> Finding:
    made = patient(folder, calls_at(base), environ=KEYS if keys else {})
    seat = made.seats["calls"]
    try:
        found = await network.account(seat, patience)
    finally:
        await seat.client.aclose()
    problems([found])
    assert "canary-90aa" not in repr(found)
    return found


async def test_an_accepted_credential_says_from_where_how_long_and_for_what(tmp_path: Path) -> None:
    token = {
        "access_token": "abcdefgh",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "data-reports:read",
    }
    async with Liar(always(200, token)) as liar:
        found = await sign_in(tmp_path, liar.base)
    assert (
        found.ok and f"Talkdesk takes the credential (environment), {liar.base}, token until 20" in found.text
    )
    assert found.text.endswith("Z, scope data-reports:read")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, Exit.CREDENTIALS, "Talkdesk refused the credential: no such client"),
        (503, Exit.UNREACHABLE, "asks to be left alone for now"),
        (500, Exit.UNREACHABLE, "no such client"),
    ],
)
async def test_what_the_vendor_says_instead_is_told_in_its_words(
    tmp_path: Path, status: int, code: Exit, words: str
) -> None:
    async with Liar(always(status, {"error_description": "no such client"})) as liar:
        found = await sign_in(tmp_path, liar.base)
    assert found.code is code and words in found.text


async def test_a_vendor_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def mute(_: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\n")

    async with Liar(mute) as liar:
        found = await sign_in(tmp_path, liar.base, patience=0.2)
    assert found.code is Exit.UNREACHABLE and f"{liar.base}: no answer within 0.2 s" in found.text


async def test_a_credential_that_never_comes_is_given_up(tmp_path: Path) -> None:
    text = calls_at("http://127.0.0.1:9") + 'credential_command = ["sleep", "60"]\n'
    made = patient(tmp_path, text, environ={"PATH": "/usr/bin:/bin"})
    found = await network.account(made.seats["calls"], 0.2)
    assert found.code is Exit.CREDENTIALS and "its credential: no answer within 0.2 s" in found.text
    problems([found])
    found = await network.account(made.seats["calls"], 0.1, 0.3)
    assert "its credential: no answer within 0.4 s" in found.text


async def test_without_a_credential_nothing_is_asked(tmp_path: Path) -> None:
    async with Liar(always(200)) as liar:
        found = await sign_in(tmp_path, liar.base, keys=False)
        assert not liar.asked
    assert found.next == "`reportdash login calls` stores one"


# the clock


async def clock(folder: Path, **offsets: Offset) -> Finding:
    made = patient(folder, ACCOUNTS)
    for name, found in offsets.items():
        made.seats[name].client.clock_offset = found
    return network.clock(made.seats.values())


GOOD = Offset(0.2, 0.6)


async def test_a_clock_that_agrees_is_well(tmp_path: Path) -> None:
    found = await clock(tmp_path, main=GOOD, calls=Offset(-59.0, 0.6))
    assert (found.level, found.text) == ("ok", "within 59.6 s of that of main, calls")


async def test_a_clock_nobody_can_be_compared_with_is_no_problem(tmp_path: Path) -> None:
    found = await clock(tmp_path)
    assert found.ok and "not compared" in found.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (70.0, "70 s (±0.6) ahead"),
        (-70.0, "70 s (±0.6) behind"),
        (420.0, "7 min ahead"),
        (-9000.0, "2 h behind"),
        (4e5, "5 days ahead"),
    ],
)
async def test_a_wrong_clock_is_a_problem_with_ntp_as_the_next_step(
    tmp_path: Path, seconds: float, words: str
) -> None:
    found = await clock(tmp_path, main=Offset(seconds, 0.6))
    assert found.code is Exit.FAILED and f"clock is {words} of the vendor's at main" in found.text
    assert "timedatectl" in (found.next or "")


async def test_a_slow_answer_is_no_proof_of_a_wrong_clock(tmp_path: Path) -> None:
    assert (await clock(tmp_path, main=Offset(63.0, 5.0))).ok


async def test_a_vendor_that_is_alone_with_its_time_is_wrong_itself(tmp_path: Path) -> None:
    found = await clock(tmp_path, main=Offset(400.0, 0.6), calls=GOOD)
    assert found.level == "note" and "the vendor's must be wrong, for calls agrees with ours" in found.text


async def test_what_runs_on_this_server_proves_nothing_of_its_clock(tmp_path: Path) -> None:
    found = await clock(tmp_path, main=Offset(400.0, 0.6), here=GOOD)
    assert found.level == "problem"


# proxies


async def proxy(folder: Path, **environ: str) -> list[Finding]:
    found = network.proxy(patient(folder, ACCOUNTS).seats.values(), environ)
    problems(found)
    return found


async def test_without_a_proxy_variable_it_is_said(tmp_path: Path) -> None:
    assert one(await proxy(tmp_path)).level == "ok"


async def test_a_proxy_is_told_for_each_account_and_its_password_hidden(tmp_path: Path) -> None:
    found = one(
        await proxy(
            tmp_path, HTTPS_PROXY="http://me:canary-p@proxy.example:3128", NO_PROXY="talkdeskapp.eu,localhost"
        )
    )
    assert found.level == "note" and "canary" not in repr(found) and "me:" not in found.text
    assert "HTTPS_PROXY=http://***@proxy.example:3128, NO_PROXY=talkdeskapp.eu,localhost; " in found.text
    assert "main, calls (acme.talkdeskid.eu): go through http://proxy.example:3128" in found.text
    assert "; calls: go straight" in found.text
    assert "here: go straight, on this server" in found.text


async def test_a_socks_proxy_is_a_problem_unless_nobody_takes_it(tmp_path: Path) -> None:
    *wrong, noted = await proxy(
        tmp_path, all_proxy="socks5://u:canary-p@p:1080", no_proxy=".talkdeskapp.eu,acme.talkdeskid.eu"
    )
    assert [found.code for found in wrong] == [Exit.UNREACHABLE] and "canary" not in repr([*wrong, noted])
    assert "main: the environment names a socks5 proxy" in wrong[0].text
    assert "put api.example.org into NO_PROXY" in (wrong[0].next or "")
    assert noted.level == "note"


async def test_a_proxys_address_that_is_none_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    *wrong, noted = await proxy(tmp_path, https_proxy="http://u:canary-p@[fd00::1:3128")
    assert {found.code for found in wrong} == {Exit.UNREACHABLE} and "canary" not in repr([*wrong, noted])
    assert "https_proxy of the environment" in wrong[0].text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://p:3128", "http://p:3128"),
        ("http://u:x@p:3128", "http://***@p:3128"),
        ("u:x@p:3128", "***@p:3128"),
        ("u:x@y@p", "***@p"),
        ("http://u:x://y@p", "http://***@p"),
        ("u:x://y@p", "***@p"),
        ("p:3128", "p:3128"),
    ],
)
def test_a_proxys_user_and_password_are_masked(address: str, shown: str) -> None:
    assert network.masked(address) == shown


# certificates


def certificate(days: int) -> bytes:
    """A CA's certificate in PEM form that expires so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1000))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


async def certificates(folder: Path, *days: int, **environ: str) -> Finding:
    text = ""
    if days:
        path = folder / f"ca-{'-'.join(map(str, days))}.pem"
        path.write_bytes(b"".join(map(certificate, days)))
        text = f'[accounts.main]\nvendor = "7g"\nca_file = "{path}"\n'
    now = dt.datetime.now(dt.UTC).timestamp()
    found = network.certificates(patient(folder, text).seats.values(), environ, now)
    problems(found)
    return one(found)


async def test_without_anything_named_the_system_vouches(tmp_path: Path) -> None:
    assert (await certificates(tmp_path)).text == "the system's CAs"
    found = await certificates(tmp_path, SSL_CERT_DIR=str(tmp_path))
    assert found.ok and found.text == f"SSL_CERT_DIR={tmp_path}"


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        ((400,), "ok", "1 certificate, valid until"),
        ((400, 500), "ok", "2 certificates, valid until"),
        ((20, 400), "note", "the first expires soon"),
        ((-1, 400), "note", "the first has expired"),
        ((-1, -2), "problem", "expired at"),
    ],
)
async def test_a_ca_file_says_how_long_its_certificates_live(
    tmp_path: Path, days: tuple[int, ...], level: str, words: str
) -> None:
    found = await certificates(tmp_path, *days)
    assert found.level == level and words in found.text and "ca_file of main" in found.text


async def test_a_ca_file_that_cannot_be_used_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ca_file: str | None = None) -> ssl.SSLContext:
        if ca_file is None:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        raise Unreachable(f"ca_file {ca_file} is not there", sent=False)

    monkeypatch.setattr(tls, "context", refuse)
    found = await certificates(tmp_path, 400)
    assert found.code is Exit.UNREACHABLE and "is not there; correct ca_file of main" in found.text


async def test_a_certificate_variable_that_leads_nowhere_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_contexts", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    found = await certificates(tmp_path)
    assert found.code is Exit.UNREACHABLE and found.next == "correct or unset it"


async def test_a_certificate_variable_without_certificates_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("nothing of the kind")
    found = await certificates(tmp_path, SSL_CERT_FILE=str(path))
    assert found.code is Exit.UNREACHABLE and "holds no certificate" in found.text
