"""`login`: where a secret will live is said before it is asked for; nothing weaker stands in by itself."""

from __future__ import annotations

import signal
import stat

import pytest

from reportdash.credentials import files
from reportdash.credentials.values import LONGEST
from reportdash.credentials.vault import FILE_NAME
from reportdash.simulator import Simulator
from reportdash.simulator.wire import Reply
from tests.cli.asked import (
    AGAIN,
    KNOWN,
    NEW,
    PASSPHRASE,
    home,
    kept,
    keyless,
    lines,
    passphrase_file,
    pins,
    talk,
    vault,
    with_keyring,
)
from tests.cli.conftest import Shell, secrets, toml
from tests.cli.test_words import one_sentence

WITHOUT = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


async def test_on_a_bare_server_a_vault_is_made_and_said_before_anything_is_asked(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    secret = sim.accounts()["main"]["secrets"]
    done = await talk(
        shell,
        ("login", "main"),
        (NEW, "canary"),
        (NEW, PASSPHRASE),
        (AGAIN, "seven blue canaries"),
        (NEW, PASSPHRASE),
        (AGAIN, PASSPHRASE),
        ("Username: ", secret["username"]),
        ("Password: ", secret["password"]),
    )
    assert done.code == 0, done.text
    first = " ".join(done.at[0].split())
    assert ", because " in first
    assert (
        f"The key of main will be kept in the vault {shell.data / FILE_NAME}, a file encrypted with" in first
    )
    assert (
        "because PYTHON_KEYRING_BACKEND names keyring.backends.fail.Keyring, which stores nothing;" in first
    )
    assert "credential_command" in first
    assert "too short" in done.at[1]
    assert "not the same" in done.at[3]
    assert "accepted by 7G, stored in vault" in done.text
    assert done.restored
    for canary in ("canary", "canaries", PASSPHRASE, secret["password"]):
        assert canary.encode() not in done.sent
        for file in shell.data.rglob("*"):
            assert canary.encode() not in file.read_bytes(), file
    assert stat.S_IMODE((shell.data / FILE_NAME).stat().st_mode) == 0o600
    assert pins(shell) == {"main": "vault"}
    assert await home(shell, "main") == "vault, locked"
    opened = vault(shell)
    opened.unlock(PASSPHRASE)
    assert secret["password"] in (opened.get("reportdash:7g", "main") or "")


async def test_no_passphrase_makes_no_vault(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    done = await talk(shell, ("login", "main"), *[(NEW, "")] * 3)
    assert done.code == 2
    assert "nothing was stored" in done.text
    assert not (shell.data / FILE_NAME).exists()


async def test_the_passphrase_of_a_vault_that_is_there_has_three_tries(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "calls")
    secret, before = sim.accounts()["main"]["secrets"], len(sim.requests)
    wrong = [(KNOWN, f"wrong {number}") for number in range(3)]
    done = await talk(shell, ("login", "main"), *wrong)
    assert done.code == 3
    assert done.text.count("does not open the vault") == 3
    assert "stays locked and nothing was stored" in done.text
    assert len(sim.requests) == before
    done = await talk(
        shell,
        ("login", "main"),
        *wrong[:2],
        (KNOWN, PASSPHRASE),
        ("Username: ", secret["username"]),
        ("Password: ", secret["password"]),
    )
    assert done.code == 0, done.text
    assert done.restored
    assert pins(shell) == {"calls": "vault", "main": "vault"}


async def test_a_keyring_that_works_goes_first_and_the_choice_at_a_login_holds(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    with_keyring(shell)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[0] == (
        "The key of main will be kept in the keyring (kwallet), encrypted on this server; "
        "`--store vault` keeps it in a file with a passphrase."
    )
    assert "stored in keyring (kwallet)" in ran.err
    assert pins(shell) == {"main": "keyring"}

    working = dict(shell.env)
    shell.env |= {**WITHOUT, **passphrase_file(shell)}
    before = len(sim.requests)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3
    assert "kept in the keyring since its last login" in one_sentence(ran)
    assert "--store vault" in ran.err
    assert len(sim.requests) == before
    assert not (shell.data / FILE_NAME).exists()

    ran = await shell("login", "main", "--stdin", "--store", "vault", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert ", because " not in ran.err  # it was asked for
    assert pins(shell) == {"main": "vault"}

    shell.env = {**working, **passphrase_file(shell)}
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert "; `--store keyring` keeps it in the keyring." in ran.err
    assert pins(shell) == {"main": "vault"}


async def test_a_vault_that_cannot_be_used_is_not_replaced_by_the_keyring(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "main")
    with_keyring(shell)
    damaged = (shell.data / FILE_NAME).read_bytes()[:-1]
    (shell.data / FILE_NAME).write_bytes(damaged)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3
    assert "is damaged and was left as it is" in one_sentence(ran)
    assert "--store keyring" in ran.err
    assert (shell.data / FILE_NAME).read_bytes() == damaged
    assert not (shell.folder / "keyring.json").exists() or "7g" not in (
        shell.folder / "keyring.json"
    ).read_text("utf-8")


async def test_off_a_terminal_a_locked_vault_takes_nothing_and_the_ways_out_are_named(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "calls")
    before = len(sim.requests)
    for words in (("login", "main", "--stdin"), ("login", "calls", "--stdin", "--store", "vault")):
        ran = await shell(*words, stdin=lines(sim, words[1]))
        assert ran.code == 3
        sentence = one_sentence(ran)
        assert f"the vault {shell.data / FILE_NAME} is locked" in sentence
        for way in ("REPORTDASH_VAULT_PASSPHRASE_FILE", "credential_command", f"__{words[1].upper()}__"):
            assert way in sentence
    assert len(sim.requests) == before
    assert pins(shell) == {"calls": "vault"}


async def test_a_passphrase_file_makes_the_vault_and_a_later_login_uses_it(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    shell.env = passphrase_file(shell, "short")
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3
    assert "has less than 8 characters" in ran.err
    assert not (shell.data / FILE_NAME).exists()

    shell.env = passphrase_file(shell)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert (
        f"the passphrase in {'REPORTDASH_VAULT_PASSPHRASE_FILE'} ({shell.folder / 'passphrase'})" in ran.err
    )
    ran = await shell("login", "calls", "--stdin", stdin=lines(sim, "calls"))
    assert ran.code == 0, ran.err
    opened = vault(shell)
    opened.unlock(PASSPHRASE)
    assert opened.get("reportdash:7g", "main")
    assert opened.get("reportdash:talkdesk", "calls")
    assert await home(shell, "calls") == "vault"

    shell.env = passphrase_file(shell, "another one")
    was = (shell.data / FILE_NAME).read_bytes()
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3
    assert f"({shell.folder / 'passphrase'}) does not open the vault" in ran.err
    assert (shell.data / FILE_NAME).read_bytes() == was


async def test_plain_text_is_refused_where_nobody_types_the_word(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    words = ("login", "main", "--store", "plaintext")
    for ran in (await shell(*words, "--stdin", stdin=lines(sim, "main")), await shell(*words)):
        assert ran.code == 2
        assert "typed on a terminal" in one_sentence(ran)
    done = await talk(shell, (*words, "--stdin"))
    assert done.code == 2
    done = await talk(shell, words, ("Type plaintext to go on: ", "yes"))
    assert done.code == 5
    assert "Username" not in done.text
    assert not sim.requests
    assert list(shell.data.rglob("*PLAIN*")) == []


async def test_plain_text_is_kept_on_its_word_badged_and_never_the_default_again(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    secret = sim.accounts()["main"]["secrets"]
    file = shell.data / "credentials-PLAIN-TEXT.json"
    done = await talk(
        shell,
        ("login", "main", "--store", "plaintext"),
        ("Type plaintext to go on: ", "plaintext"),
        ("Username: ", secret["username"]),
        ("Password: ", secret["password"]),
    )
    assert done.code == 0, done.text
    assert f"will be kept in {file} in plain text: anybody who can read this file" in done.at[0]
    assert secret["password"].encode() not in done.sent
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    badge = f"PLAIN TEXT, {file}"
    assert f"stored in {badge}" in done.text
    assert await home(shell, "main") == badge
    assert "PLAIN TEXT" in (await shell("accounts")).out

    shell.env = passphrase_file(shell)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert "no longer in plain text" in ran.err
    assert pins(shell) == {"main": "vault"}
    assert secret["password"] not in file.read_text()


@pytest.mark.parametrize(
    ("at", "answer"),
    [(KNOWN, "\x03"), (KNOWN, signal.SIGHUP), ("Password: ", "\x03"), ("Password: ", signal.SIGTERM)],
    ids=["ctrl-c at the passphrase", "hup at the passphrase", "ctrl-c at the secret", "term at the secret"],
)
async def test_a_signal_at_a_question_ends_the_login_and_brings_the_echo_back(
    shell: Shell, sim: Simulator, at: str, answer: str | signal.Signals
) -> None:
    keyless(shell, sim)
    vault(shell).create(PASSPHRASE)
    turns = {KNOWN: PASSPHRASE, "Username: ": "somebody", "Password: ": "nothing"}
    before = list(turns)[: list(turns).index(at)]
    done = await talk(shell, ("login", "main"), *((one, turns[one]) for one in before), (at, answer))
    assert done.code == 130, done.text
    assert done.restored
    assert not sim.requests
    assert pins(shell) == {}
    if answer == "\x03":
        assert "interrupted: nothing was sent or stored" in done.text
    assert (shell.data / FILE_NAME).exists(), "it was there before"


@pytest.mark.parametrize("answer", ["\x03", "not the password"], ids=["broken off", "refused"])
async def test_a_first_login_that_comes_to_nothing_leaves_no_vault_and_says_so(
    shell: Shell, sim: Simulator, answer: str
) -> None:
    keyless(shell, sim)
    first = ((NEW, PASSPHRASE), (AGAIN, PASSPHRASE), ("Username: ", "somebody"), ("Password: ", answer))
    done = await talk(shell, ("login", "main"), *first)
    assert done.code == (130 if answer == "\x03" else 3), done.text
    assert "The vault was not made, because there is nothing to keep in it." in done.text
    assert not (shell.data / FILE_NAME).exists() and pins(shell) == {}
    shell.env = passphrase_file(shell)
    ran = await shell("login", "main", "--stdin", stdin="username=me\npassword=wrong-canary\n")
    assert ran.code == 3
    assert "The vault was not made" in ran.err and not (shell.data / FILE_NAME).exists()


async def test_a_vault_in_which_another_session_has_put_something_meanwhile_stays(
    shell: Shell, sim: Simulator
) -> None:
    made = vault(shell)
    made.create(PASSPHRASE)
    other = vault(shell)
    other.unlock(PASSPHRASE)
    other.set("reportdash:7g", "main", "x")
    assert not made.discard()
    assert (shell.data / FILE_NAME).exists()
    other.remove("reportdash:7g", "main")
    assert made.discard()
    assert not (shell.data / FILE_NAME).exists()


@pytest.mark.parametrize("answer", ["\x03", "\x04"], ids=["ctrl-c", "end of input"])
async def test_a_word_that_is_not_typed_is_said_to_have_done_nothing(
    shell: Shell, sim: Simulator, answer: str
) -> None:
    keyless(shell, sim)
    done = await talk(shell, ("login", "main"), (NEW, answer))
    assert done.code == (130 if answer == "\x03" else 2)
    assert "the vault was not made and nothing was stored" in done.text
    assert not (shell.data / FILE_NAME).exists()
    done = await talk(shell, ("login", "main", "--store", "plaintext"), ("to go on: ", "\x03"))
    assert done.code == 130 and "interrupted: nothing was asked or stored" in done.text


async def test_a_field_left_empty_is_asked_for_again_three_times_at_most(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    shell.env = passphrase_file(shell)
    secret = sim.accounts()["main"]["secrets"]
    done = await talk(
        shell,
        ("login", "main"),
        ("Username: ", ""),
        ("Username: ", " "),
        ("Username: ", secret["username"]),
        ("Password: ", ""),
        ("Password: ", secret["password"]),
    )
    assert done.code == 0, done.text
    assert done.text.count("Username is empty: type it, or ctrl+c to leave.") == 2
    done = await talk(shell, ("login", "main"), *[("Username: ", "")] * 3)
    assert done.code == 2
    assert "username is empty and nothing was sent or stored" in done.text
    ran = await shell("login", "main", "--stdin", stdin="username=\npassword=x\n")
    assert ran.code == 2 and "main needs username and password" in ran.err


@pytest.mark.parametrize("there", [True, False], ids=["a vault is there", "no vault yet"])
@pytest.mark.parametrize(
    ("file", "cause", "step"),
    [
        (
            "missing",
            "names {}, which cannot be read (No such file or directory)",
            "correct the name or the file",
        ),
        ("empty", "names {}, which is empty", "put the secret in it, alone"),
        ("wrong", "({}) does not open the vault", "write the right one there"),
    ],
)
async def test_a_passphrase_file_that_is_no_good_is_said_first_and_then_what_to_do(
    shell: Shell, sim: Simulator, there: bool, file: str, cause: str, step: str
) -> None:
    if not there and file == "wrong":
        pytest.skip("any passphrase is right for a vault that is to be made")
    keyless(shell, sim)
    if there:
        await kept(shell, sim)
    shell.env = passphrase_file(shell, "no such herons")
    path = shell.folder / "passphrase"
    if file == "missing":
        path.unlink()
    elif file == "empty":
        path.write_text("")
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3
    sentence = one_sentence(ran)
    head, found, rest = sentence.partition("REPORTDASH_VAULT_PASSPHRASE_FILE ")
    assert found and len(head) < 80, "the file is what is said first"
    assert rest.startswith(cause.format(path))
    assert step in sentence.lower()
    if there:
        for way in ("nothing was stored. ", "credential_command", "REPORTDASH_SECRET__MAIN__USERNAME"):
            assert way in sentence
    assert not sim.requests and (shell.data / FILE_NAME).exists() is there


async def test_a_vault_that_is_gone_is_said_before_a_new_one_takes_its_place(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "main", "calls")
    (shell.data / FILE_NAME).unlink()
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 3 and f"the vault {shell.data / FILE_NAME} is gone; " in one_sentence(ran)
    shell.env = passphrase_file(shell)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0, ran.err
    assert ran.err.startswith(
        f"The vault {shell.data / FILE_NAME} is gone, and with it the credential of calls, main; "
    )


async def test_what_the_vendor_refuses_is_not_kept(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim)
    shell.env = passphrase_file(shell)
    was = (shell.data / FILE_NAME).read_bytes()
    ran = await shell("login", "main", "--stdin", stdin="username=demo-main\npassword=wrong-canary\n")
    assert ran.code == 3
    assert "main: 7G refused the key: " in ran.err and "check the fields" in ran.err
    assert "wrong-canary" not in ran.err
    assert pins(shell) == {}
    opened = vault(shell)
    opened.unlock(PASSPHRASE)
    assert opened.get("reportdash:7g", "main") is None
    assert len((shell.data / FILE_NAME).read_bytes()) == len(was)


async def test_a_login_says_when_the_environment_goes_before_what_was_kept(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim)
    shell.env = passphrase_file(shell) | secrets(sim.accounts())
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 0
    assert "not used yet: the environment still hands one in; unset REPORTDASH_SECRET__MAIN__…" in ran.err


async def test_an_unknown_store_is_a_wrong_word(shell: Shell) -> None:
    ran = await shell("login", "main", "--stdin", "--store", "memory", stdin="")
    assert ran.code == 2
    assert "keyring" in one_sentence(ran)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Reply(429, b"slow down"), "takes no sign-in just now"),
        (Reply(503, b"later"), "takes no sign-in just now"),
        (Reply(500, b"oops"), "answer was not understood"),
        (Reply(200, b"<html>maintenance</html>"), "answer was not understood"),
        (None, "can not be reached"),
    ],
)
async def test_a_vendor_that_did_not_judge_the_key_is_not_said_to_have_refused_it(
    shell: Shell, sim: Simulator, answer: Reply | None, says: str
) -> None:
    keyless(shell, sim)
    shell.env = passphrase_file(shell)

    async def reset(*_: object) -> None:
        return None

    sim.inject("7g", answer or reset, path="/User/Login", times=None)
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main"))
    assert ran.code == 4, ran.err
    assert says in ran.err and "nothing was stored, try again later" in ran.err
    assert "refused" not in ran.err and "check the fields" not in ran.err
    assert pins(shell) == {}


async def test_a_secret_is_not_read_from_stdin_where_it_would_be_seen(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    done = await talk(shell, ("login", "main", "--stdin"))
    assert done.code == 2
    assert "would show the secret on this terminal: leave --stdin away" in done.text
    assert not sim.requests and not (shell.data / FILE_NAME).exists()


async def test_a_secret_that_no_store_takes_is_not_sent(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    shell.env = passphrase_file(shell)
    ran = await shell("login", "main", "--stdin", stdin=f"username=me\npassword={'x' * (LONGEST + 1)}\n")
    assert ran.code == 2
    assert "username and password must be shorter" in ran.err and "nothing was sent or stored" in ran.err
    assert not sim.requests and pins(shell) == {}


@pytest.mark.parametrize("at", ["Password: ", NEW])
async def test_what_is_typed_in_another_encoding_is_a_sentence(shell: Shell, sim: Simulator, at: str) -> None:
    keyless(shell, sim)
    if at != NEW:
        shell.env = passphrase_file(shell)
    first = [("Username: ", "me")] if at != NEW else []
    done = await talk(shell, ("login", "main"), *first, (at, "canary \udce4 heron"))
    assert done.code == 2, done.text
    assert "what was typed is not UTF-8 text" in done.text
    assert "canary" not in done.text and done.restored
    assert not sim.requests and pins(shell) == {}


async def test_an_environment_in_another_encoding_is_a_sentence(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    shell.env = {"REPORTDASH_SECRET__ADMISSIONS__API_KEY": "canary\udce4"}
    ran = await shell("accounts")
    assert ran.code == 0 and "environment, incomplete" in ran.out
    ran = await shell("track", "admissions", "--all")
    assert ran.code == 3, ran.err
    assert "REPORTDASH_SECRET__ADMISSIONS__API_KEY is not UTF-8 text" in ran.err
    assert "canary" not in ran.err


async def test_an_account_that_left_the_config_is_logged_out(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main", "calls")
    everybody = sim.accounts()
    shell.write(toml({"calls": everybody["calls"]}))
    shell.env = passphrase_file(shell)
    ran = await shell("logout", "main")
    assert ran.code == 0, ran.err
    assert "main: removed; it is not in the config" in ran.err
    left = pins(shell)
    assert left.pop("main", "none") == "none"  # no keyring could be looked at here
    assert left == {"calls": "vault"}
    opened = vault(shell)
    opened.unlock(PASSPHRASE)
    assert opened.get("reportdash:7g", "main") is None
    assert opened.get("reportdash:talkdesk", "calls") is not None
    ran = await shell("logout", "main")
    assert ran.code == 2
    assert "main" in one_sentence(ran)


@pytest.mark.parametrize("configured", [True, False])
async def test_a_logout_that_a_damaged_file_of_plain_text_stops_is_told_to_every_process_all_the_same(
    shell: Shell, sim: Simulator, configured: bool
) -> None:
    await kept(shell, sim, "main", "calls")
    shell.env = passphrase_file(shell)
    assert (await shell("accounts")).code == 0  # makes the rows
    config = shell.config.read_text()
    if not configured:
        shell.write(toml({"calls": sim.accounts()["calls"]}))
    (shell.data / files.PLAIN).write_text("{")
    ran = await shell("logout", "main")
    assert ran.code == 3, ran.err
    assert f"{files.PLAIN}, the plain-text credentials, cannot be read (damaged)" in " ".join(ran.err.split())
    opened = vault(shell)
    opened.unlock(PASSPHRASE)
    assert opened.get("reportdash:7g", "main") is None
    shell.config.write_text(config)
    rows = {row["account"]: row for row in (await shell("accounts", "--json")).rows}
    told = {name: (rows[name]["health"], rows[name]["message"]) for name in ("main", "calls")}
    assert told == {"main": ("auth_failed", "no key yet"), "calls": ("ok", None)}
    assert rows["main"]["credential"] == "none"


async def test_a_logout_that_a_locked_vault_stops_leaves_the_account_at_work(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "main")
    ran = await shell("logout", "main")
    assert ran.code == 3
    (row,) = [row for row in (await shell("accounts", "--json")).rows if row["account"] == "main"]
    assert (row["health"], row["credential"]) == ("ok", "vault, locked")


async def test_blanks_around_the_sign_of_a_line_are_no_part_of_the_secret(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    shell.env = passphrase_file(shell)
    typed = lines(sim, "main").replace("=", " = ", 1).replace("password=", "password\t=\t")
    ran = await shell("login", "main", "--stdin", stdin=typed)
    assert ran.code == 0, ran.err
    ran = await shell("login", "main", "--stdin", stdin=lines(sim, "main").replace("=", "= "))
    assert ran.code == 3, "behind a bare sign a blank may well be one of the secret's"
