"""What may be asked at the wall, and by whom: one row for each request that there is.

A request without a row keeps central from starting: whoever adds one says here who may ask it.
"""

from collections.abc import Mapping

from central import control_messages_order as co
from central import operator_messages as om
from central import wall_messages as w
from central.operator_words import OperatorRight
from edge.control import messages_pages as mp
from edge.control.message import Message
from edge.control.needs import ANYBODY, OWN, OWN_LOCKED, Needs, complete

WATCH = Needs(frozenset({OperatorRight.WATCH}))
WATCH_LOCKED = Needs(frozenset({OperatorRight.WATCH}), locked=True)
"""Edges and alarms: a wall that was left goes on showing them."""

NAMES = Needs(frozenset({OperatorRight.NAMES}))
ALARMS = Needs(frozenset({OperatorRight.ALARMS}))
ORDERS = Needs(frozenset({OperatorRight.ORDERS}))
OPERATORS = Needs(frozenset({OperatorRight.OPERATORS}))

GIVEN = "`sentrypost central operator change` gives rights, and whoever has the right `operators`"
"""Where it is said who may what."""

TABLE: Mapping[type[Message], Needs] = {
    # Signing in, and one's own session.
    mp.UseSession: ANYBODY,
    mp.SignInByPassword: ANYBODY,
    mp.AskPasskey: ANYBODY,
    mp.SignInByPasskey: ANYBODY,
    mp.SignInByLink: ANYBODY,
    mp.TakeInvitation: ANYBODY,
    mp.ConfirmInvitation: ANYBODY,
    mp.AskNewPasskey: OWN,
    mp.AddPasskey: OWN,
    mp.LockSession: OWN_LOCKED,
    mp.UnlockSession: OWN_LOCKED,
    mp.SignOut: OWN_LOCKED,
    # What is now.
    w.AskWall: WATCH_LOCKED,
    w.FollowWall: WATCH_LOCKED,
    w.FollowEntries: WATCH,
    w.AcknowledgeAt: ALARMS,
    co.ListOrders: WATCH,
    co.FollowOrders: WATCH,
    co.SendOrder: ORDERS,
    # The archive: figures without anybody in them, and what names people.
    w.AskCounts: WATCH,
    w.AskSeries: WATCH,
    w.Search: NAMES,
    w.ListIncidents: NAMES,
    w.AskIncident: NAMES,
    w.NoteIncident: NAMES,
    # Who may sign in, and what they have done.
    mp.ReadSignIns: OPERATORS,
    mp.EndSession: OPERATORS,
    mp.Invite: OPERATORS,
    mp.RemoveSignIn: OPERATORS,
    om.ReadOperators: OPERATORS,
    om.PutOperator: OPERATORS,
    om.RemoveOperator: OPERATORS,
    om.ReadOperatorLog: OPERATORS,
}

complete(TABLE, w.WallRequest)
