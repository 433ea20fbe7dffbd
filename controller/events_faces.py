"""Events about templates of faces. No template, picture or figure of a face ever stands in one."""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Count, Text
from controller.holders import KeyId
from controller.ids import HolderId
from controller.ledger import Commitment

VIEWS_MAX = 64
"""Views behind one template; an enrolment of four poses, taken several times over, has fewer."""

FaceVersion = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""Numbers the templates of one edge: each is higher than every one before, whosever it is, so that
one that was put back is never taken for one in force."""


class FaceEnd(StrEnum):
    """Why a template is erased."""

    ASKED = "asked"
    HOLDER_GONE = "holder-gone"
    DECLINED = "declined"


class FaceEnrolled(Body, frozen=True, kw_only=True):
    """A template of somebody's face is on file from here on, in place of an earlier one.

    `model` made it, of so many `views`. `consent` commits to what the person has agreed to and when
    that was recorded. `compared`: templates of others that it was held against, `alike`: how many
    of them it resembles too much, which somebody has looked at. `note`: which edition of the legal
    note was shown for that.
    """

    holder: HolderId
    version: FaceVersion
    model: Text
    views: Annotated[int, msgspec.Meta(ge=1, le=VIEWS_MAX)]
    compared: Count = 0
    alike: Count = 0
    note: Text = ""
    consent: Commitment
    operator: Commitment


class FaceErased(Body, frozen=True, kw_only=True):
    """The template of somebody's face counts no more, and its bytes go. `operator`: who asked for
    it; None where the person is known no more, or does not give her face any more.
    """

    holder: HolderId
    version: FaceVersion
    cause: FaceEnd
    operator: Commitment | None = None


class FaceUnsound(Body, frozen=True, kw_only=True):
    """The template of somebody's face cannot be used: it is damaged or gone, or was put there from
    elsewhere. Nobody is compared with it; where a face is asked for, its alternative is.
    """

    holder: HolderId
    version: FaceVersion
    reason: Text


class TemplatesResealed(Body, frozen=True, kw_only=True):
    """So many templates that lay under the former key are sealed under another one. It is recorded
    first and then done, after a cut by the next start.
    """

    key: KeyId
    former: KeyId
    templates: Count
