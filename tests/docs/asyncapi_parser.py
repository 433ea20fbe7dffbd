"""AsyncAPI's own parser, as `make test` has installed it."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT
from tests.servers import require, skip_or_fail

INSTALLED = Path(sys.prefix) / "asyncapi"

KNOWN = {"asyncapi-latest-version"}
"""What 3.1 adds is of no use here (ROS 2, one more format of schemas), and fewer tools read it."""


def validated(document: Path, payloads: Iterable[tuple[str, Any]] = ()) -> list[dict[str, Any]]:
    """What AsyncAPI's parser finds in a document, and in payloads by their messages' names."""
    node = require("node", "nodejs")
    if not (INSTALLED / "installed.json").exists():
        skip_or_fail("AsyncAPI's parser is not installed: sh requirements/peers.sh")
    given = (json.dumps({"message": name, "payload": payload}) for name, payload in payloads)
    done = subprocess.run(
        [node, str(ROOT / "requirements" / "asyncapi" / "validate.cjs"), str(document)],
        input="\n".join(given),
        cwd=INSTALLED,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
