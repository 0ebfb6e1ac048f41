"""What may be kept of a request and its answer: redacted, short, harmless. Pure functions.

Three nets, so that one hole is not enough: the names of secret fields, the look of signed addresses and
tokens, and the very values this account signs in with (`Known`).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from reportdash.model import Exchange
from reportdash.net.http import Reply, Request
from reportdash.plain import clean, clean_block

HIDDEN = "(hidden)"
SIGNED = "(signed address)"
MAX_BODY = 4096
_WINDOW = 4 * MAX_BODY
_MIN_SECRET = 4
_MIN_ENCODED = 6

# Names, lower case and without `_`, `-`, `.` and spaces, of fields whose value is never shown.
_NAMES = r"""
    \w*(?:token|secret|password|passwd|passphrase|apikey|accesskey|accesskeyid|privatekey|signature
    |credential|credentials|authorization)
    |pwd|pass|sig|auth|jwt|otp|cookie|setcookie|sessionid|keypairid|xamz\w*|xgoog\w*
"""
_SECRET_NAME = re.compile(_NAMES, re.VERBOSE)
# In a query these are secret as well; in a body they are common words.
_SECRET_IN_QUERY = frozenset({"key", "code", "expires", "policy", "se", "sp", "sv"})
# Fields that carry a short-lived address, whatever it looks like.
_ADDRESS_NAME = re.compile(r"(?:download|signed|presigned|s3|file)(?:url|uri|link|href)s?|downloadhrefs?")
_SQUEEZE = re.compile(r"[^a-z0-9]+")

# One look that tells most bodies apart from those that need the slow way.
_HINT = re.compile(
    r"token|secret|passw|passphrase|pwd|\"pass\"|key|sig|auth|credential|cookie|jwt|otp|bearer|basic|eyJ"
    r"|sessionid|http|download|href|x-amz|x-goog|\\u00",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"""https?:(?:\\?/){2}[^\s"'<>\x00-\x1f]+""", re.IGNORECASE)
_SIGNED_QUERY = re.compile(
    r"(?:[?&]|\\u0026|&amp;)(?:x-amz-|x-goog-|signature=|sig=|awsaccesskeyid=|googleaccessid=|key-pair-id="
    r"|policy=|expires=|token=|access_?token=|hmac=|hash=)",
    re.IGNORECASE,
)
_SCHEME_VALUE = re.compile(r"\b(bearer|basic)(\s+|%20|\+)[A-Za-z0-9._~+/=%-]{6,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_.=-]*")
# name = value, name: value, "name": "value", \"name\": \"value\": in half JSON, HTML, logs and forms.
_PAIR = re.compile(
    r"""(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60})
        (?P<middle>\\*["']?\s*(?:[:=]|=>|%3D)\s*)
        (?:\\*"(?P<double>(?:[^"\\]|\\[^"]|\\(?="))*)|'(?P<single>[^']*)|(?P<bare>[^\s"'&,;<>{}\[\]]+))""",
    re.VERBOSE,
)
_TAG = re.compile(r"<(?P<name>[A-Za-z][\w.:-]{1,60})[^<>]*>(?P<value>[^<>]+)", re.ASCII)


def _from_json(text: str) -> str:
    return _UNIT.sub(lambda found: chr(int(found[1], 16)), text)


# Every writer escapes what it likes: a plus sign as \u002B, %2B or &#43;, perhaps every letter.
_UNIT = re.compile(r"\\+u([0-9A-Fa-f]{4})")
_ESCAPES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("\\u", _from_json),
    ("%", unquote),
    ("&", html.unescape),
)


class Known:
    """The secret values of one account, to be hidden wherever they turn up, in whatever writing.

    Keeps the credential's values and the last few sessions' tokens; nothing of it can be read back.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._credential: tuple[str, ...] = ()
        self._tokens: deque[str] = deque(maxlen=8)
        self._pattern: re.Pattern[str] | None = None
        self._writings: tuple[str, ...] = ()
        self.credential(values)

    def __repr__(self) -> str:
        return "Known(…)"

    def credential(self, values: Iterable[str]) -> None:
        """The account's credential is this now; what was one before stays hidden with the tokens."""
        fresh = tuple(values)
        if fresh != self._credential:
            self._tokens.extend(self._credential)
            self._credential = fresh
            self._compile()

    def token(self, *values: str | None) -> None:
        """A session's tokens."""
        self._tokens.extend(v for v in values if v and v not in self._tokens)
        self._compile()

    def hide(self, text: str) -> str:
        """`text` without any of the values; where one is seen through escapes only, they go too."""
        if self._pattern is None:
            return text
        text = self._pattern.sub(HIDDEN, text)
        for mark, unescape in _ESCAPES:
            if mark in text and self._pattern.search(plain := unescape(text)):
                # What was no control character before must not become one here.
                text = clean_block(self._pattern.sub(HIDDEN, plain), len(text) * 8)
        return text

    def trim(self, text: str) -> str:
        """`text`, which was cut at its end, without the beginning of a value there."""
        for value in self._writings:
            for length in range(min(len(value) - 1, len(text)), 3, -1):
                if text.endswith(value[:length]):
                    return text[:-length]
        return text

    def _compile(self) -> None:
        writings = {core for value in self._credential for core in _base64(value)}
        for value in (*self._credential, *self._tokens):
            if len(value) >= _MIN_SECRET:
                writings |= {
                    value,
                    quote(value, errors="surrogatepass"),
                    quote(value, safe="", errors="surrogatepass"),
                    quote_plus(value, errors="surrogatepass"),
                    json.dumps(value)[1:-1],
                    json.dumps(value, ensure_ascii=False)[1:-1],
                    json.dumps(value)[1:-1].replace("/", "\\/"),
                    clean(value, len(value)),
                }
        self._writings = tuple(sorted(filter(None, writings), key=len, reverse=True))
        pattern = "|".join(map(_as_pattern, self._writings))
        self._pattern = re.compile(pattern, re.IGNORECASE) if pattern else None


def _base64(value: str) -> Iterator[str]:
    """What is the same in base64 wherever the value stands in what is encoded, as in HTTP's Basic."""
    raw = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = raw[-before % 3 :]
        whole = whole[: len(whole) // 3 * 3]
        if len(whole) >= _MIN_ENCODED:
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode()


def _as_pattern(writing: str) -> str:
    # A short value (a user name such as "admin") is hidden as a word, not out of the middle of others.
    escaped = re.escape(writing)
    return escaped if len(writing) >= 8 else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


NOTHING = Known()


def redact_url(url: str, known: Known = NOTHING, names: Collection[str] = ()) -> str:
    """The address without userinfo and fragment, secret query values hidden, on one harmless line."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = "&".join(_query_field(f, names) for f in parts.query.split("&")) if parts.query else ""
        shown = urlunsplit((parts.scheme, host, parts.path, query, ""))
    except ValueError:
        shown = redact_body(url.partition("?")[0].rpartition("@")[2], known, names)
    return clean(known.hide(shown), 2000)


def _query_field(text: str, names: Collection[str]) -> str:
    name, equals, value = text.partition("=")
    if not value:
        return text
    if _is_secret(name, names) or _squeeze(name) in _SECRET_IN_QUERY:
        return f"{name}={HIDDEN}"
    if "%" in value and _HINT.search(value):
        return name + equals + HIDDEN  # an address or a form inside a value: not worth the risk
    return text


def redact_body(text: str, known: Known = NOTHING, names: Collection[str] = ()) -> str:
    """A body of any kind (JSON, half JSON, form, HTML) with secrets and signed addresses hidden.

    `names`: further field names whose values are secret. The length is not limited here.
    """
    text = known.hide(text)
    if not names and not _HINT.search(text):
        return text
    if text.lstrip()[:1] in ("{", "["):
        try:
            data = json.loads(text)
            hidden = _walk(data, names)
            if hidden == data:
                return text
            return known.hide(json.dumps(hidden, ensure_ascii=False))
        except (ValueError, RecursionError):
            pass  # half JSON: the way for plain text
    return _redact_text(text, names)


def redact_location(location: str, asked: str, known: Known = NOTHING) -> str:
    """A Location header: one to another host may be a signed address, so it is not shown."""
    try:
        here, there = urlsplit(asked), urlsplit(location)
        foreign = bool(there.netloc) and there.netloc.lower() != here.netloc.lower()
    except ValueError:
        foreign = True
    if foreign or _SIGNED_QUERY.search(location):
        return SIGNED
    return redact_url(location, known)


def exchange(
    request: Request,
    *,
    url: str,
    at: float,
    ms: int,
    reply: Reply | None = None,
    error: str | None = None,
    known: Known = NOTHING,
) -> Exchange:
    """The record of one call: `request` as it was signed, `url` with its query, `ms` until all was read."""
    names = {_squeeze(n) for n in request.secret}
    response = ""
    if reply is not None:
        response = _body(reply.body, known, names)
        if location := reply.headers.get("location"):
            response = f"Location: {redact_location(location, url, known)}\n{response}"
        if retry := reply.headers.get("retry-after"):
            response = f"Retry-After: {clean(known.hide(retry), 60)}\n{response}"
    return Exchange(
        at=at,
        method=request.method,
        url=redact_url(url, known, names),
        status=reply.status if reply is not None else None,
        ms=ms,
        request=_sent(request, known, names),
        response=clean_block(response, MAX_BODY),
        size=(reply.length or len(reply.body)) if reply is not None else 0,
        error=clean(known.hide(error), 300) if error else None,
    )


def _sent(request: Request, known: Known, names: Collection[str]) -> str:
    if request.json is not None:
        text = json.dumps(_walk(request.json, names), ensure_ascii=False, default=str)
    elif request.form is not None:
        text = "&".join(
            _query_field(f, names) for f in urlencode(request.form, errors="surrogatepass").split("&")
        )
    else:
        return ""
    return clean_block(known.hide(text), MAX_BODY)


def _body(body: bytes, known: Known, names: Collection[str]) -> str:
    if not body:
        return ""
    text = body[:_WINDOW].decode("utf-8", "replace")
    if len(body) > _WINDOW:
        text = known.trim(text)
    return redact_body(text, known, names)


def _squeeze(name: str) -> str:
    return _SQUEEZE.sub("", name.lower())


def _is_secret(name: str, names: Collection[str]) -> bool:
    squeezed = _squeeze(name)
    return squeezed in names or _SECRET_NAME.fullmatch(squeezed) is not None


def _walk(data: Any, names: Collection[str]) -> Any:
    if isinstance(data, Mapping):
        return {key: _value(str(key), value, names) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_walk(item, names) for item in data]
    if isinstance(data, str) and _HINT.search(data):
        return _redact_text(data, names)
    return data


def _value(name: str, value: Any, names: Collection[str]) -> Any:
    if value is None or value == "" or isinstance(value, bool):
        return value
    if _is_secret(name, names):
        return HIDDEN
    if _ADDRESS_NAME.fullmatch(_squeeze(name)):
        return SIGNED
    return _walk(value, names)


def _redact_text(text: str, names: Collection[str]) -> str:
    text = _ADDRESS.sub(lambda found: SIGNED if _signed(found[0]) else found[0], text)
    text = _PAIR.sub(lambda found: _pair(found, names), text)
    text = _TAG.sub(lambda found: _tag(found, names), text)
    text = _SCHEME_VALUE.sub(rf"\1 {HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


def _signed(address: str) -> bool:
    return _SIGNED_QUERY.search(address) is not None or "@" in address.split("?")[0]


def _pair(found: re.Match[str], names: Collection[str]) -> str:
    name = found["name"]
    if _is_secret(name, names):
        mask = HIDDEN
    elif _ADDRESS_NAME.fullmatch(_squeeze(name)):
        mask = SIGNED
    else:
        return found[0]
    kind = next((k for k in ("double", "single", "bare") if found[k] is not None), None)
    if kind is None or not found[kind] or found[kind] in ("null", "true", "false"):
        return found[0]
    start, end = found.span(kind)
    offset = found.start()
    return found[0][: start - offset] + mask + found[0][end - offset :]


def _tag(found: re.Match[str], names: Collection[str]) -> str:
    if not _is_secret(found["name"], names):
        return found[0]
    start = found.start("value") - found.start()
    return found[0][:start] + HIDDEN
