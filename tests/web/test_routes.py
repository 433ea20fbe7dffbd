"""Every address of the pages, asked by everybody, in every wrong way: clean refusals, no more."""

import http.client
import os
import random
from urllib.parse import urlencode

import pytest
from starlette.routing import Route

from edge.web.app import routes
from tests.web.embassy import ANNA, DAVID, Embassy

OPEN = {"/sign-in", "/invitation", "/choose", "/terminal"}
"""Pages for whoever is not signed in; what lies below them as well."""

GATE = {"/gate", "/visitors", "/deliveries"}
CONSOLE = {"/console", "/pictures"}
PEOPLE = {"/people"}
STREAMS = {"/gate/live", "/console/live", "/alarms/live"}
"""They have no end; who is not signed in there is told so by the first word of the stream."""

ENDS = {"/sign-out", "/lock", "/gate/panic"}
"""What these do needs no field; they would end the test's own session, or call for help."""

CLEAN = {200, 303, 400, 401, 403, 404, 405, 409, 413, 422}

PATHS = sorted(
    (route.path, route.methods or set()) for route in routes() if isinstance(route, Route)
)


class Caller:
    """One person's session, without a browser."""

    def __init__(self, embassy: Embassy, person: str = "") -> None:
        self.port = embassy.port
        self.cookie = ""
        if person:
            status, headers = self.ask(
                "POST", "/sign-in/link", urlencode({"code": embassy.link(person)})
            )
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
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()


@pytest.fixture(scope="module")
def callers(embassy: Embassy) -> dict[str, Caller]:
    if embassy.run("person", "show", "40").returncode != 0:
        embassy.command("person", "add", "40", "--name", "Ida Holm", "--role", "administrator")
    return {
        "nobody": Caller(embassy),
        "guard": Caller(embassy, DAVID),
        "chief": Caller(embassy, ANNA),
        "administrator": Caller(embassy, "40"),
    }


def of(path: str, pages: set[str]) -> bool:
    return any(path == page or path.startswith(page + "/") for page in pages)


@pytest.mark.parametrize(
    "path", [path for path, methods in PATHS if "GET" in methods and path not in STREAMS]
)
def test_a_page_is_shown_to_whom_the_policy_gives_it_and_to_nobody_else(
    callers: dict[str, Caller], path: str
) -> None:
    asked = path.replace("{name:str}", "x").replace("{person:str}", "4")
    asked = asked.replace("{draft:str}", "0" * 16).replace("{order:str}", "0" * 64)
    asked = asked.replace("{seq:int}", "1")
    status, headers = callers["nobody"].ask("GET", asked)
    if of(path, {one.partition("/{")[0] for one in OPEN}):
        assert status in {200, 303}
    else:
        assert status == 303
        assert headers["location"].startswith("/sign-in")
    for pages, who in ((GATE, "guard"), (CONSOLE, "chief"), (PEOPLE, "administrator")):
        if not of(path, pages):
            continue
        for name, caller in callers.items():
            if name in {"nobody", who}:
                continue
            assert caller.ask("GET", asked)[0] == 403, f"{name} sees {path}"


@pytest.mark.parametrize("which", [0, 1])
def test_wrong_methods_bodies_and_roles_get_clean_refusals(
    callers: dict[str, Caller], which: int
) -> None:
    seed = [7, int(os.environ["SENTRYPOST_SEED"])][which]  # one that is fixed, and one of this run
    rng = random.Random(seed)
    junk = ["", "\x00", "é" * 30, "%", "../../etc/passwd", "' OR 1=1", "9" * 30, "-1", "<b>"]
    junk.append("a" * 300)
    names = [
        *("portal", "direction", "person", "reason", "kind", "held", "request", "zones.x", "visit"),
        *("document", "country", "given", "until", "alarm", "step", "cause", "draft", "response"),
        *("code", "pin", "password", "session", "to", "badge", "next", "back", "level", "ends"),
    ]
    for path, methods in PATHS:
        if path in STREAMS | ENDS or "POST" not in methods:
            continue
        caller = callers[rng.choice(sorted(callers))]
        fields = {rng.choice(names): rng.choice(junk) for _ in range(rng.randint(0, 8))}
        asked = path.replace("{seq:int}", rng.choice(["1", "9" * 30, "0"]))
        body = rng.choice([urlencode(fields), "%%%=%ff", "a=1&a=2", "\x00\x01", "x" * 500])
        status, _ = caller.ask("POST", asked, body)
        assert status in CLEAN, f"seed {seed}: POST {path} {body!r}: {status}"
        wrong = "GET" if "GET" not in methods else rng.choice(["PUT", "DELETE"])
        if wrong != "GET" or not of(path, PEOPLE):
            status, _ = caller.ask(wrong, path)
            assert status in CLEAN, f"seed {seed}: {wrong} {path}: {status}"
