"""The keys of templates of faces, as the site file names them."""

from pathlib import Path

import msgspec

from edge.credentials import CredentialError, file_named
from edge.faces.sealing import TemplateKeyError, load_template_key
from edge.site_file import Header
from policies.document import Place
from policies.problems import Problem


class TemplateKeyFiles(msgspec.Struct, frozen=True, kw_only=True):
    """`current`: None where the site file names none, and it is one in the state folder. `former`:
    the one before it, until no template lies under that any more. `faults`: what is wrong with
    them, each with its remedy: no face is compared, and every door works.
    """

    current: Path | None = None
    former: Path | None = None
    faults: tuple[Problem, ...] = ()


def template_keys(header: Header, root: Place, folder: Path) -> TemplateKeyFiles:
    """As the site file in `folder` names them."""
    faults: list[Problem] = []

    def path(key: str, name: str | None) -> Path | None:
        if name is None:
            return None
        at = root.child(key)
        try:
            file = file_named(name, folder)
        except CredentialError as error:
            faults.append(at.problem(str(error), error.remedy))
            # A name that no file has: never another key in place of the one that is meant.
            return folder / name
        try:
            load_template_key(file)
        except TemplateKeyError as error:
            said, _, remedy = str(error).partition("; ")
            faults.append(at.problem(said, remedy))
        return file

    current = path("template-key", header.template_key)
    former = path("former-template-key", header.former_template_key)
    return TemplateKeyFiles(current=current, former=former, faults=tuple(faults))
