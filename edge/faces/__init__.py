"""Templates of faces at rest: sealed, one file of them, and gone when they are erased."""

from edge.faces.file import (
    FacesDamagedError,
    FacesError,
    FacesForeignError,
    FacesInUseError,
    FacesMissingError,
)
from edge.faces.sealing import SealError, TemplateKey, TemplateKeyError, load_template_key
from edge.faces.shelf import KEY_FILE, Place, Shelf, Staged
from edge.faces.store import FACES_FILE, OnFile, Settled, TemplateFile
from edge.faces.templates import Keys, Templates, TemplateUnsoundError

__all__ = [
    "FACES_FILE",
    "KEY_FILE",
    "FacesDamagedError",
    "FacesError",
    "FacesForeignError",
    "FacesInUseError",
    "FacesMissingError",
    "Keys",
    "OnFile",
    "Place",
    "SealError",
    "Settled",
    "Shelf",
    "Staged",
    "TemplateFile",
    "TemplateKey",
    "TemplateKeyError",
    "TemplateUnsoundError",
    "Templates",
    "load_template_key",
]
