"""What is put off until the screen stands comes whole when it is touched, and nothing stays in its place."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> None:
    """A program in a process of its own that begins as the dashboard does; it fails by an assertion."""
    begun = f"import sys\nfrom reportdash.cli import later\nlater.put_off()\n{code}"
    done = subprocess.run([sys.executable, "-c", begun], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_module_is_loaded_when_it_is_first_touched() -> None:
    run(
        """
import ssl
assert type(sys.modules["ssl"]) is later.StandIn and "_ssl" not in sys.modules
assert ssl.PROTOCOL_TLS_CLIENT is sys.modules["ssl"].PROTOCOL_TLS_CLIENT
assert type(sys.modules["ssl"]) is not later.StandIn and "_ssl" in sys.modules
"""
    )


def test_a_name_taken_at_import_does_what_the_real_one_does() -> None:
    run(
        """
from decimal import Decimal
assert "_decimal" not in sys.modules
made = Decimal("1.5")
assert made + 1 == Decimal("2.5") and isinstance(made, Decimal) and not isinstance(1.5, (str, Decimal))
assert Decimal.from_float(0.5) == Decimal("0.5") and issubclass(type(made), Decimal)
"""
    )


def test_a_class_waits_for_a_base_that_is_put_off() -> None:
    run(
        """
from ast import NodeVisitor
class Names(NodeVisitor):
    def __init__(self, found):
        self.found = found
    def visit_Name(self, node):
        self.found.append(node.id)
assert "_ast" not in sys.modules
found = []
import ast
Names(found).visit(ast.parse("a + b"))
assert found == ["a", "b"] and isinstance(Names([]), ast.NodeVisitor)
"""
    )


def test_threads_that_touch_a_module_at_once_get_the_same_whole_one() -> None:
    run(
        """
import importlib, threading
import ssl, asyncio.sslproto as sslproto
start, got = threading.Barrier(12), []
def touch(number):
    start.wait()
    if number % 3 == 0:
        got.append(ssl.create_default_context)
    elif number % 3 == 1:
        got.append(importlib.import_module("ssl").create_default_context)
    else:
        got.append(sslproto.ssl.create_default_context)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=touch, args=(n,)) for n in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
assert len(got) == 12 and set(got) == {sys.modules["ssl"].create_default_context}
"""
    )


def test_after_the_end_every_import_is_as_ever() -> None:
    run(
        """
import textual.app, textual.drivers.linux_driver
later.end()
assert not [name for name, module in sys.modules.items() if type(module) is later.StandIn]
from decimal import Decimal
from typing_extensions import TypedDict
import asyncio.sslproto, ssl, typing, typing_extensions
from textual.command import CommandPalette
assert isinstance(Decimal, type) and isinstance(CommandPalette, type) and isinstance(ssl.SSLContext, type)
assert TypedDict is typing_extensions.TypedDict and asyncio.sslproto.ssl is ssl
"""
    )


def test_who_took_a_stand_in_before_the_end_has_the_real_thing_after_it() -> None:
    run(
        """
import asyncio, fractions, textual.app
later.end()
assert "_ssl" not in sys.modules and "textual.command" not in sys.modules
import ssl
held = asyncio.base_events.ssl
assert held is not ssl and held.SSLContext is ssl.SSLContext
assert asyncio.base_events.sslproto.SSLProtocol is sys.modules["asyncio.sslproto"].SSLProtocol
import decimal
assert fractions.Fraction(decimal.Decimal("0.5")) == fractions.Fraction(1, 2)
from textual.command import Provider
assert issubclass(textual.app.ThemeProvider.real(), Provider)
"""
    )


def test_the_engine_is_imported_without_any_stand_in() -> None:
    run(
        """
from reportdash.cli import dash
import textual.app
dash.load_engine()
assert "pydantic" in sys.modules and "textual.command" not in sys.modules
assert not [name for name, module in sys.modules.items() if type(module) is later.StandIn]
"""
    )


def test_what_is_loaded_already_stays_as_it_is() -> None:
    run(
        """
later.end()
import ssl, textual.app
kept = dict(sys.modules)
later.put_off()
assert all(sys.modules[name] is module for name, module in kept.items())
"""
    )
