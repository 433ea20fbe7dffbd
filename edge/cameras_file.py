"""The cameras of a site file, each in the words of the kind that it is."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from drivers.cameras.api import CameraFamily, CameraOptions, CameraSpec
from drivers.family import PLAIN, file_keys, files_named
from edge.cameras import EXTRA, CameraError, camera_family_of, lacks_extra
from edge.lines_file import Reads
from edge.wiring_check import named_tables, unknown
from policies.compiled import CompiledPolicy
from policies.document import Place
from policies.entries import convert_entry
from policies.problems import Problem

TABLE = "camera"

_SHARED = tuple(field.encode_name for field in msgspec.structs.fields(CameraOptions))

CAMERAS_MAX = 32
"""Each is a process of 100 MB and, at 15 frames a second, a tenth of a core or more."""


class CamerasFile:
    """`[camera.…]`, with its problems."""

    def __init__(
        self, root: Place, content: Mapping[str, object], folder: Path, secret: Reads, plain: Reads
    ) -> None:
        self._root, self._folder = root, folder
        self._secret, self._plain = secret, plain
        self.problems: list[Problem] = []
        self.cameras: dict[str, tuple[str, CameraSpec]] = {}
        """By id: the driver's name and the camera as its process takes it."""
        tables = named_tables(content, TABLE, root, self.problems)
        if tables and lacks_extra():
            at = root.child(TABLE, next(iter(tables)))
            hint = f"pip install 'sentrypost[{EXTRA}]' as docs/operations.md says, or take them out"
            self.problems.append(at.at_key(f"cameras need the extra `{EXTRA}`", hint))
        if len(tables) > CAMERAS_MAX:
            said = f"at most {CAMERAS_MAX} cameras on one edge"
            self.problems.append(root.child(TABLE).at_key(said))
        for name, raw in tables.items():
            self._read(name, raw)

    def _read(self, name: str, raw: Mapping[str, object]) -> None:
        at, driver = self._root.child(TABLE, name), raw.get("driver")
        if not isinstance(driver, str):
            shared = {key: raw[key] for key in _SHARED if key in raw}
            self.problems += convert_entry(CameraOptions, shared, at, {})[1]
            return
        try:
            family = camera_family_of(driver)
        except CameraError as error:
            self.problems.append(at.child("driver").problem(str(error)))
            return
        options, problems = convert_entry(family.options, raw, at, {})
        self.problems += problems
        if options is not None:
            self._take(name, driver, family, options)

    def _take(self, name: str, driver: str, family: CameraFamily, options: CameraOptions) -> None:
        at, kinds = self._root.child(TABLE, name), file_keys(type(options))
        files: dict[str, bytes] = {}
        for key, file in files_named(options).items():
            content = (self._plain if kinds[key] == PLAIN else self._secret)(file, at, key)
            if content is None:
                return  # a file that cannot be read is one mistake only
            files[key] = content
        spec = CameraSpec(name=name, options=options, files=files, folder=str(self._folder))
        try:
            family.source(spec)
        except ValueError as error:
            self.problems += [at.at_key(str(problem)) for problem in error.args]
            return
        self.cameras[name] = driver, spec


def portal_problems(
    root: Place, cameras: Mapping[str, tuple[str, CameraSpec]], policy: CompiledPolicy
) -> list[Problem]:
    """Cameras that watch a portal which the policy does not have."""
    known = [rule.id for rule in policy.portals]
    return [
        unknown(
            root.child(TABLE, name, "portal"), "portal of the policy", spec.options.portal, known
        )
        for name, (_, spec) in cameras.items()
        if spec.options.portal not in known
    ]
