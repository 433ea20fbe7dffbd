"""Every address of the wall, asked by everybody, in every wrong way: clean refusals, no more."""

import http.client
import os
import random
from urllib.parse import urlencode

import pytest
from starlette.routing import Route

from central.operator_words import OperatorRight
from central.web.app import routes
from tests.central.web.wall_site import EDGE, SITE, WallSite

OPEN = {"/sign-in", "/invitation", "/choose"}
"""Pages for whoever is not signed in; what lies below them as well."""

NEEDS = {
    "/edges/{site:str}/{edge:str}": OperatorRight.WATCH,
    "/counts": OperatorRight.WATCH,
    "/series": OperatorRight.WATCH,
    "/search": OperatorRight.NAMES,
    "/incidents": OperatorRight.NAMES,
    "/incidents/{number:int}": OperatorRight.NAMES,
    "/acknowledge": OperatorRight.ALARMS,
    "/operators": OperatorRight.OPERATORS,
    "/operators/remove": OperatorRight.OPERATORS,
    "/operators/invite": OperatorRight.OPERATORS,
    "/operators/sign-ins/remove": OperatorRight.OPERATORS,
    "/operators/sign-ins/end": OperatorRight.OPERATORS,
    "/operators/log": OperatorRight.OPERATORS,
}
"""Where one right is enough, and nothing else is."""

BY_METHOD = {
    ("GET", "/orders"): OperatorRight.WATCH,
    ("HEAD", "/orders"): OperatorRight.WATCH,
    ("POST", "/orders"): OperatorRight.ORDERS,
}

STREAMS = {"/live", "/entries/live", "/orders/live"}
"""They have no end; who is not signed in there is told so before the stream."""

ENDS = {"/sign-out", "/lock"}
"""What these do needs no field; they would end the test's own session."""

EVERYBODYS = {"/", "/unlock", "/own", "/own/passkey/challenge", "/own/passkey"} | ENDS

CLEAN = {200, 303, 400, 401, 403, 404, 405, 409, 413, 422}

PATHS = sorted(
    {(route.path, method) for route in routes() if isinstance(route, Route)
     for method in route.methods or set()}
)  # fmt: skip


class Caller:
    """One operator's session, without a browser."""

    def __init__(self, site: WallSite, name: str = "", *rights: OperatorRight) -> None:
        self.port = site.wall_port
        self.cookie = ""
        if name:
            code = site.operator(name, *rights)
            status, headers = self.ask("POST", "/sign-in/link", urlencode({"code": code}))
            assert status == 303
            self.cookie = headers["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"sec-fetch-site": "same-origin"}
        if method == "POST":
            headers["content-type"] = "application/x-www-form-urlencoded"
        if self.cookie:
            headers["cookie"] = self.cookie
        try:
            connection.request(method, path, body.encode() if body else None, headers)
            answer = connection.getresponse()
            if answer.getheader("content-type", "").startswith("text/event-stream"):
                return answer.status, {}
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()


@pytest.fixture(scope="module")
def callers(site: WallSite) -> dict[str, Caller]:
    """Somebody for each right who has that one alone, and nobody."""
    one_right = {right.value: Caller(site, f"only-{right}", right) for right in OperatorRight}
    return {"nobody": Caller(site), **one_right}


def filled(path: str, number: str = "1") -> str:
    place = path.replace("{site:str}", SITE).replace("{edge:str}", EDGE)
    return place.replace("{number:int}", number)


def open_to_all(path: str) -> bool:
    return any(path == page or path.startswith(page + "/") for page in OPEN)


def needed(method: str, path: str) -> OperatorRight | None:
    found = BY_METHOD.get((method, path)) or NEEDS.get(path)
    return OperatorRight.WATCH if path in STREAMS else found


def test_of_every_address_it_is_said_here_who_may_ask_it() -> None:
    unsaid = [
        f"{method} {path}"
        for path, method in PATHS
        if not open_to_all(path) and path not in EVERYBODYS and needed(method, path) is None
    ]
    assert unsaid == []


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, method in PATHS if method in {"GET", "POST"}]
)
def test_an_address_answers_whom_it_is_for_and_nobody_else(
    callers: dict[str, Caller], path: str, method: str
) -> None:
    asked, needs = filled(path), needed(method, path)
    status, headers = callers["nobody"].ask(method, asked)
    if open_to_all(path):
        assert status in {200, 303, 400, 401, 422}
        return
    if method == "GET":
        assert status == 303
        assert headers["location"].startswith("/sign-in")
    else:
        assert status == 401
    if needs is None:
        return
    for name, caller in callers.items():
        if name in {"nobody", needs.value}:
            continue
        assert caller.ask(method, asked)[0] == 403, f"{name} gets at {method} {path}"
    assert callers[needs.value].ask(method, asked)[0] != 403


def test_whoever_may_not_watch_begins_elsewhere(callers: dict[str, Caller]) -> None:
    for name, home in (("names", "/search"), ("operators", "/operators"), ("orders", "/own")):
        status, headers = callers[name].ask("GET", "/")
        assert (status, headers["location"]) == (303, home)
    assert callers["orders"].ask("GET", "/own")[0] == 200


def test_a_right_that_is_taken_away_is_gone_at_once(site: WallSite) -> None:
    caller = Caller(site, "watched-once", OperatorRight.WATCH)
    assert caller.ask("GET", "/series")[0] == 200
    site.command("central", "operator", "change", "watched-once", "--right", "orders")
    assert caller.ask("GET", "/series")[0] == 403
    site.command("central", "operator", "remove", "watched-once")
    status, headers = caller.ask("GET", "/series")
    assert (status, headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("which", [0, 1])
def test_wrong_methods_bodies_and_queries_get_clean_refusals(
    callers: dict[str, Caller], which: int
) -> None:
    seed = [7, int(os.environ["SENTRYPOST_SEED"])][which]  # one that is fixed, and one of this run
    rng = random.Random(seed)
    junk = [
        "",
        "\x00",
        "é" * 30,
        "%",
        "../../etc/passwd",
        "' OR 1=1",
        "9" * 30,
        "-1",
        "<b>",
        "\ud7ff",
    ]
    junk += ["a" * 300, "9999-12-31", "0001-01-01", "2026-11-22T25:00", "1.2.3", "0", "2026-11-22"]
    names = [
        *("site", "edge", "portal", "kind", "kinds", "person", "code", "since", "until", "before"),
        *("alarm", "last", "reason", "text", "file", "edges", "operator", "name", "right.watch"),
        *("session", "passkey", "next", "back", "closed", "after", "from", "by", "span", "new"),
    ]
    for path, method in PATHS:
        if path in STREAMS | ENDS or method == "HEAD":
            continue
        caller = callers[rng.choice(sorted(callers))]
        number = rng.choice(["1", "0", "9" * 18, "9" * 40])
        asked = filled(path, number)
        fields = {rng.choice(names): rng.choice(junk) for _ in range(rng.randint(0, 8))}
        if method == "GET":
            asked += "?" + urlencode(fields)
            status, _ = caller.ask("GET", asked)
        else:
            body = rng.choice([urlencode(fields), "%%%=%ff", "a=1&a=2", "\x00\x01", "x" * 500])
            status, _ = caller.ask("POST", asked, body)
        assert status in CLEAN, f"seed {seed}: {method} {asked} {fields}: {status}"
        wrong = rng.choice(["PUT", "DELETE", "PATCH"])
        assert caller.ask(wrong, filled(path))[0] == 405


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_a_stream_takes_any_filter(callers: dict[str, Caller], stream: str) -> None:
    for query in ("", "?site=%00&edge=" + "x" * 5000, "?kinds=" + "a," * 400, "?after=%22%0a"):
        assert callers["watch"].ask("GET", stream + query)[0] == 200
