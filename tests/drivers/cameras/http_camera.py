"""A camera that sends JPEG pictures over HTTP, in its good and its bad moods."""

import contextlib
import hashlib
import itertools
import re
import ssl
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.drivers.cameras.pictures import jpeg

MULTIPART = "multipart/x-mixed-replace; boundary=--gate"


class HttpCamera:
    """Serves at `url` on a free port of 127.0.0.1 while it is entered."""

    def __init__(
        self,
        *,
        parts=None,
        has_length: bool = True,
        kind: str = MULTIPART,
        part_kind: str = "image/jpeg",
        status: int = 200,
        location: str = "",
        known: tuple[str, str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        interval_s: float = 0.02,
    ) -> None:
        """
        :param parts: what it sends one after the other, and then it ends; None: pictures for good
        :param known: "basic" or "digest", user and password
        """
        self.parts, self.has_length, self.kind = parts, has_length, kind
        self.part_kind, self.status, self.known = part_kind, status, known
        self.location = location
        self.interval_s = interval_s
        self.shows = threading.Event()
        self.shows.set()
        self.ends = threading.Event()
        self.viewers = 0
        camera = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(OSError):
                    camera._serve(self)

            def log_message(self, *_args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/stream"

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.ends.set()
        self.shows.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        if not self._lets_in(request):
            request.close_connection = True
            return
        self.viewers += 1
        request.send_response(self.status)
        if self.location:
            request.send_header("Location", self.location)
        request.send_header("Content-Type", self.kind)
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        if self.location:
            return
        pictures = (jpeg(number) for number in itertools.count())
        for part in pictures if self.parts is None else self.parts:
            self.shows.wait()
            if self.ends.is_set():
                return
            length = f"Content-Length: {len(part)}\r\n" if self.has_length else ""
            head = f"--gate\r\nContent-Type: {self.part_kind}\r\n{length}\r\n"
            request.wfile.write(head.encode() + part + b"\r\n")
            self.ends.wait(self.interval_s)

    def _lets_in(self, request: BaseHTTPRequestHandler) -> bool:
        if self.known is None:
            return True
        how, user, password = self.known
        said = request.headers.get("Authorization", "")
        if how == "basic":
            wanted = b64encode(f"{user}:{password}".encode()).decode()
            challenge, good = 'Basic realm="gate"', said == f"Basic {wanted}"
        else:
            challenge = 'Digest realm="gate", nonce="abc", qop="auth", algorithm=MD5'
            good = said.startswith("Digest ") and _digest(said, user, password)
        if not good:
            request.send_response(401)
            request.send_header("WWW-Authenticate", challenge)
            request.send_header("Content-Length", "0")
            request.end_headers()
        return good


def _digest(said: str, user: str, password: str) -> bool:
    """RFC 7616, section 3.4.1, with qop=auth."""
    told = {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', said)}

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    who = hashed(f"{user}:gate:{password}")
    what = hashed(f"GET:{told.get('uri')}")
    middle = f"{told.get('nonce')}:{told.get('nc')}:{told.get('cnonce')}:{told.get('qop')}"
    return told.get("response") == hashed(f"{who}:{middle}:{what}")
