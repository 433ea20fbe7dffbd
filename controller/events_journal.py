"""Events about the journal itself: what it missed, and whether it is to be believed."""

from controller.body import Body, Count, Seq, Text
from controller.holders import KeyId


class JournalLost(Body, frozen=True, kw_only=True):
    """The journal could not be written; recorded when it can be again."""

    reason: Text


class JournalRestored(Body, frozen=True, kw_only=True):
    """The journal is written again. `dropped` entries did not fit into memory meanwhile."""

    dropped: Count


class ReserveUsed(Body, frozen=True, kw_only=True):
    """The disk was full, and the room that was kept for that is used now. When it is full again
    nobody enters any more.
    """


class JournalDoubted(Body, frozen=True, kw_only=True):
    """A witness has cosigned a journal of this edge that this one does not hold: it was cut, put
    back from an old copy, or written anew. `witnessed` entries there, `held` here. `before`: the
    incarnation of which that is true, where this one goes on from it.
    """

    witnessed: Count
    held: Count
    before: Text = ""


class JournalUnsound(Body, frozen=True, kw_only=True):
    """A look through the whole journal found what does not hold: somebody has edited it, or its
    disk forgets. So many `findings`; the first in the journal, and `what` it is, is about `entry`.
    """

    findings: Count
    entry: Count
    what: Text


class EntriesPruned(Body, frozen=True, kw_only=True):
    """Entries `first` to `last` are not kept any more: as a `whole`, or, of those in between, the
    ones of these `classes`, of which leaf and chain stay. Their time is over, or, `early`, the disk
    is nearly full. The archive has said that it stored them, and a witness has cosigned them.
    """

    first: Seq
    last: Seq
    classes: tuple[Text, ...] = ()
    whole: bool
    early: bool = False


class JournalKeyRotated(Body, frozen=True, kw_only=True):
    """The journal's size is signed under `key` from here on, and under `former` no more: somebody
    with access to the state folder wants it so. Ids as `sentrypost journal key show` has them.
    """

    key: KeyId
    former: KeyId


class WitnessKeyFollowed(Body, frozen=True, kw_only=True):
    """Of the witness `key` is believed from here on, and `former` no more, which has signed that.
    What `former` has cosigned holds still. Ids as `sentrypost central key` prints them.
    """

    key: KeyId
    former: KeyId


class EntryDropped(Body, frozen=True, kw_only=True):
    """Stands in the place of an entry that did not fit into memory while nothing could be written.

    The number is kept so that the gap is seen; what happened is lost.
    """
