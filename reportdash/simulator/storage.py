"""The storage service behind signed links: byte-exact addresses that expire, ranges, strong entity tags.

A link is good only as the very bytes it was issued with; a request that carries a vendor's credential is
refused as the real service refuses two ways of authentication at once. Links just expire.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote

from reportdash.simulator.content import Content
from reportdash.simulator.wire import Reply, Request
from reportdash.simulator.world import World

KEEP_LINKS = 4_096
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Link:
    content: Content
    expires: float
    filename: str
    media_type: str
    issued: float


class Storage:
    """Knobs: `life_s` of a link (seconds, by vendor), `rate` (bytes a second, for files of at least
    `throttle_from` bytes), `ranges` and `etags` on or off.
    """

    name = "storage"

    def __init__(self, world: World) -> None:
        self.world = world
        self.origin = ""
        self.life_s = {"webadmit": 25.0, "talkdesk": 60.0}
        self.rate: float | None = None
        self.throttle_from = 1_000_000
        self.ranges = True
        self.etags = True
        self.links: dict[str, Link] = {}

    # issuing

    def sign_v2(self, vendor: str, key: str, filename: str, content: Content) -> str:
        """A link in the older style: AWSAccessKeyId, Expires, Signature, and the answer's headers."""
        now = self.world.now()
        expires = now + self.life_s[vendor]
        digest = base64.b64encode(self._digest(vendor, key)).decode()
        signature = f"{digest[:9]}+{digest[9:18]}/{digest[18:30]}"
        media = content.media_type.replace(" ", "")
        query = (
            f"AWSAccessKeyId=AKIASIMULATED0000000&Expires={int(expires)}"
            f"&Signature={quote(signature, safe='')}"
            f"&response-content-disposition={quote(f'attachment; filename={filename}', safe='')}"
            f"&response-content-type={quote(media, safe='')}"
        )
        return self._issue(key, query, Link(content, expires, filename, media, now))

    def sign_v4(self, vendor: str, key: str, filename: str, content: Content) -> str:
        """A link in the newer style: X-Amz-Credential and a hex signature."""
        now, life = self.world.now(), self.life_s[vendor]
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = self._digest(vendor, key)
        credential = f"AKIASIMULATED0000000/{stamp[:8]}/eu-west-1/s3/aws4_request"
        token = f"sim+{base64.b64encode(digest).decode()}/~"
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(credential, safe='')}"
            f"&X-Amz-Date={stamp}&X-Amz-Expires={max(1, int(life))}&X-Amz-SignedHeaders=host"
            f"&X-Amz-Security-Token={quote(token, safe='').replace('~', '%7E')}"
            f"&X-Amz-Signature={digest.hex()}"
        )
        return self._issue(key, query, Link(content, now + life, filename, content.media_type, now))

    def _digest(self, vendor: str, key: str) -> bytes:
        number = self.world.ordinal("link", vendor)
        return hmac.digest(str(self.world.seed).encode(), f"{vendor}/{key}/{number}".encode(), "sha256")

    def _issue(self, key: str, query: str, link: Link) -> str:
        """`~` is percent-encoded as well, so that a client which tidies addresses breaks the signature."""
        raw = "/" + quote(key).replace("~", "%7E") + "?" + query
        self.links[raw] = link
        while len(self.links) > KEEP_LINKS:
            del self.links[next(iter(self.links))]
        return self.origin + raw

    # serving

    def handle(self, request: Request) -> Reply:
        if "x-api-key" in request.headers or "authorization" in request.headers:
            return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if request.method not in ("GET", "HEAD"):
            return _error(
                405, "MethodNotAllowed", "The specified method is not allowed against this resource."
            )
        link = self.links.get(request.raw)
        if link is None:
            known = any(raw.partition("?")[0] == request.path for raw in self.links)
            if known:
                return _error(
                    403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
                )
            return _error(403, "AccessDenied", "Access Denied")
        if self.world.now() >= link.expires:
            return _error(403, "AccessDenied", "Request has expired")
        return self._file(request, link)

    def _file(self, request: Request, link: Link) -> Reply:
        content = link.content
        size = content.size
        headers = {
            "Content-Type": link.media_type,
            "Content-Disposition": f"attachment; filename={link.filename}",
            "Last-Modified": formatdate(link.issued, usegmt=True),
        }
        if self.etags:
            headers["ETag"] = content.etag
        if self.ranges:
            headers["Accept-Ranges"] = "bytes"
        start, stop, status = 0, size, 200
        wanted = _RANGE.fullmatch(request.header("range").strip()) if self.ranges else None
        condition = request.header("if-range")
        if wanted and wanted.group(0) != "bytes=-" and (not condition or condition == content.etag):
            first, last = wanted.groups()
            if first:
                start, stop = int(first), min(int(last) + 1, size) if last else size
            else:
                start = max(size - int(last), 0)
            if start >= size or start >= stop:
                reply = _error(416, "InvalidRange", "The requested range is not satisfiable")
                reply.headers["Content-Range"] = f"bytes */{size}"
                return reply
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        rate = self.rate if size >= self.throttle_from else None
        return Reply(status, b"", headers, (content, start, stop), rate)


def _error(status: int, code: str, message: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = '<?xml version="1.0" encoding="UTF-8"?>\n' + body
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})
