"""What every request passes, put to the real process over real connections; no daemon is there."""

import asyncio
import http.client
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from edge.web.fences import Fences
from tests.web.embassy import Process

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("web")
    web = Process("web", folder, "web", "--state", str(folder), "--listen", f"{HOST}:0")
    yield int(web.said("http://").rstrip("/").rpartition(":")[2])
    web.stop()


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def asked(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    return asked_with(
        port, method, path, {k.replace("_", "-"): v for k, v in headers.items()}, body
    )


def asked_with(
    port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def test_where_the_daemon_is_away_a_page_says_so_and_looks_for_it(port: int) -> None:
    answer = asked(port, "GET", "/gate")
    assert answer.status == 503
    assert b"The edge does not answer" in answer.body
    assert b"again.js" in answer.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_no_page_uses_is_refused(port: int, method: str) -> None:
    assert asked(port, method, "/sign-in").status == 405


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://127.0.0.1:PORT"}, True),
        ({"origin": "http://elsewhere.example"}, False),
        ({"origin": "https://127.0.0.1:PORT"}, False),
        ({"origin": "null"}, False),
        ({"cookie": "session=something"}, False),
        ({"cookie": "session=something", "origin": "http://127.0.0.1:PORT"}, True),
        ({}, True),
    ],
)
def test_a_change_counts_from_our_own_pages_alone(
    port: int, headers: dict[str, str], passes: bool
) -> None:
    """Passing means that the daemon is asked for, which is not there."""
    sent = {name: value.replace("PORT", str(port)) for name, value in headers.items()}
    answer = asked_with(port, "POST", "/lock", sent, b"")
    assert answer.status == (503 if passes else 403)


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("localhost", True),
        ("localhost:8600", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8600", True),
        ("[::1]:8600", True),
        ("elsewhere.example", False),
        ("elsewhere.example:8600", False),
        ("localhost.elsewhere.example", False),
        ("127.0.0.1.elsewhere.example", False),
        ("10.0.0.5:8600", False),
        ("", False),
    ],
)
def test_a_name_of_somebody_elses_that_leads_here_is_no_page_of_ours(
    port: int, host: str, passes: bool
) -> None:
    """Else a page of his would be of the same origin as ours, and could sign in from inside."""
    answer = asked_with(port, "GET", "/static/page.css", {"host": host})
    assert answer.status == (200 if passes else 421)


def test_by_tls_a_browser_never_asks_without_it_again() -> None:
    async def page(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def headers(scheme: str, host: bytes) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}

        async def sent(message: Message) -> None:
            found.update(message["headers"])

        async def nothing() -> Message:
            raise AssertionError("nobody reads")

        sender = [(b"host", host)]
        scope = {"type": "http", "method": "GET", "scheme": scheme, "headers": sender}
        asyncio.run(Fences(page)(scope, nothing, sent))
        return found

    said = headers("https", b"gate.example:8600")
    assert said[b"strict-transport-security"] == b"max-age=31536000"
    # Of its own machine a browser would not ask another service without it either.
    for scheme in ("http", "https"):
        assert b"strict-transport-security" not in headers(scheme, b"localhost:8600")


def test_the_daemon_is_asked_for_nobody_who_has_not_said_all(tmp_path: Path) -> None:
    """Else whoever sends forms slowly takes the place of those who have something to say."""
    daemon = socket.socket(socket.AF_UNIX)
    daemon.bind(str(tmp_path / "pages.sock"))
    daemon.listen(8)
    web = Process("web", tmp_path, "web", "--state", str(tmp_path), "--listen", f"{HOST}:0")
    try:
        port = int(web.said("http://").rstrip("/").rpartition(":")[2])
        slow = http.client.HTTPConnection(HOST, port, timeout=20)
        slow.putrequest("POST", "/sign-in/password")
        slow.putheader("content-type", "application/x-www-form-urlencoded")
        slow.putheader("content-length", "10")
        slow.endheaders(b"person=")
        # What comes later over another connection is looked at later.
        assert asked(port, "GET", "/static/page.css").status == 200
        daemon.settimeout(0)
        with pytest.raises(BlockingIOError):
            daemon.accept()
        slow.send(b"abc")
        daemon.settimeout(30)
        daemon.accept()[0].close()
        assert slow.getresponse().status == 503
        slow.close()
    finally:
        web.stop()
        daemon.close()


@pytest.mark.parametrize(
    "head",
    [
        b"cookie: a=%s" % (b"x" * 5_000),
        b"cookie: a=1\r\n" * 400 + b"cookie: a=%s" % (b"x" * 3_000),
        b'cookie: a="%s"' % (b"\\a" * 6_000),
        b"x: %s" % (b"x" * 20_000),
    ],
    ids=["long", "many", "quoted", "another header"],
)
def test_what_is_longer_than_anything_of_ours_is_read_by_nobody(port: int, head: bytes) -> None:
    """Python's parser takes time by the square of a quoted cookie's length, and all pages wait."""
    with socket.create_connection((HOST, port), timeout=20) as one:
        one.sendall(b"GET /sign-in HTTP/1.1\r\nhost: localhost\r\n" + head + b"\r\n\r\n")
        status = one.recv(64).split(b" ")[1]
        assert status in {b"431", b"400"}


def test_an_address_that_is_too_long_is_read_by_nobody(port: int) -> None:
    assert asked(port, "GET", "/sign-in?next=/" + "x" * 20_000).status == 431
    assert asked(port, "GET", "/" + "x" * 20_000).status == 431


def test_whoever_sends_no_http_writes_nothing_into_the_log(tmp_path: Path) -> None:
    web = Process("web", tmp_path, "web", "--state", str(tmp_path), "--listen", f"{HOST}:0")
    try:
        port = int(web.said("http://").rstrip("/").rpartition(":")[2])
        for garbage in (b"\x00\n\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
            with socket.create_connection((HOST, port), timeout=20) as one:
                one.sendall(garbage)
                one.recv(1024)
        upgrade = {"connection": "upgrade", "upgrade": "websocket"}
        assert asked_with(port, "GET", "/static/page.css", upgrade).status == 200
    finally:
        web.stop()
    assert web.log.read_text() == ""


@pytest.mark.parametrize("length", ["300000", "-1", "1e3", "99999999999999999999", "²"])
def test_what_is_longer_than_any_form_is_not_read(port: int, length: str) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.putrequest("POST", "/sign-in/password")
    connection.putheader("content-length", length.encode("utf-8"))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in {400, 413}
    connection.close()


def test_whoever_does_not_say_how_much_comes_is_stopped_at_the_same_length(port: int) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    pieces = iter([b"a=" + b"x" * 60_000] + [b"x" * 60_000] * 9)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", "/choose", pieces, headers, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # It hung up while we spoke, which is as good.
    connection.close()


def test_every_answer_carries_the_policy_of_what_may_run(port: int) -> None:
    for path in ("/", "/sign-in", "/nowhere", "/static/page.css", "/static/../app.py"):
        answer = asked(port, "GET", path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_styles_are_kept_for_good_by_the_address_that_names_their_content(port: int) -> None:
    page = asked(port, "GET", "/sign-in").body.decode()
    styles = re.findall(r'href="(/static/[^"]+)"', page)
    assert styles
    for address in styles:
        assert "immutable" in asked(port, "GET", address).headers["cache-control"], address


def test_a_script_has_one_address_so_that_it_runs_once(port: int) -> None:
    page = asked(port, "GET", "/sign-in").body.decode()
    scripts = re.findall(r'src="(/static/[^"]+)"', page)
    assert scripts
    for address in scripts:
        assert address.endswith(".js"), address
        assert asked(port, "GET", address).headers["cache-control"] == "no-cache"


def test_no_file_but_those_of_the_pages_is_given(port: int) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/"):
        assert asked(port, "GET", path).status in {404, 405}, path


def test_nobody_else_is_listened_to_without_a_certificate(tmp_path: Path) -> None:
    web = Process("web", tmp_path, "web", "--state", str(tmp_path), "--listen", "0.0.0.0:0")
    assert web.process.wait(30) != 0
    assert "--certificate" in web.log.read_text()
