"""What may be asked from a page, and by whom: one row for each request that there is.

A request without a row keeps the daemon from starting: whoever adds one says here who may ask it.
"""

from collections.abc import Mapping

from edge.control import messages as m
from edge.control import messages_alarms as ma
from edge.control import messages_backup as mb
from edge.control import messages_devices as md
from edge.control import messages_erase as me
from edge.control import messages_faces as mf
from edge.control import messages_gate as mg
from edge.control import messages_guard as mc
from edge.control import messages_journal as mj
from edge.control import messages_muster as mm
from edge.control import messages_orders as mo
from edge.control import messages_page_orders as mpo
from edge.control import messages_pages as mp
from edge.control import messages_people as mh
from edge.control import messages_perimeter as mw
from edge.control import messages_pictures as mi
from edge.control import messages_policy as ml
from edge.control import messages_report as mr
from edge.control import messages_views as mv
from edge.control import messages_visitors as ms
from edge.control import messages_visits as mt
from edge.control.message import Message
from edge.control.needs import ANYBODY, NEVER, OWN, OWN_LOCKED, Needs, complete
from edge.control.protocol import Request
from policies.rights import Right

GATE = Needs(frozenset({Right.GATE}))
CONSOLE = Needs(frozenset({Right.CONSOLE}))
PEOPLE = Needs(frozenset({Right.PEOPLE}))
WATCH = Needs(frozenset({Right.GATE, Right.CONSOLE}))
WATCH_LOCKED = Needs(frozenset({Right.GATE, Right.CONSOLE}), locked=True)
"""Alarms and doors: a screen that was left goes on showing them."""

TABLE: Mapping[type[Message], Needs] = {
    # Signing in, and one's own session.
    mp.UseSession: ANYBODY,
    mp.SignInByPassword: ANYBODY,
    mp.SignInByPin: ANYBODY,
    mp.AskPasskey: ANYBODY,
    mp.SignInByPasskey: ANYBODY,
    mp.SignInByLink: ANYBODY,
    mp.WaitsForBadge: ANYBODY,
    mp.TakeInvitation: ANYBODY,
    mp.ConfirmInvitation: ANYBODY,
    mp.BecomeTerminal: ANYBODY,
    mp.AskNewPasskey: OWN,
    mp.AddPasskey: OWN,
    mp.LockSession: OWN_LOCKED,
    mp.UnlockSession: OWN_LOCKED,
    mp.SignOut: OWN_LOCKED,
    # The guard's screen; the chief may look over his shoulder.
    mg.FollowGate: WATCH_LOCKED,
    mg.AskPlan: WATCH_LOCKED,
    mg.ShowGatePicture: WATCH,
    mg.AskInside: WATCH,
    mg.ReleaseAtGate: GATE,
    mg.ConfirmRelease: WATCH,
    mg.RefuseAtGate: GATE,
    mc.AnswerComparison: GATE,
    mt.LetPass: GATE,
    mt.Screen: GATE,
    mt.MakeCode: GATE,
    ms.ExpectVisitor: WATCH,
    ms.SignInVisitor: GATE,
    ms.GiveVisitorCode: GATE,
    ms.SignOutVisitor: GATE,
    ms.ExtendVisit: WATCH,
    ms.CancelVisit: WATCH,
    ms.ReadVisits: WATCH,
    ms.CorrectPresence: GATE,
    ms.TakeDelivery: GATE,
    ms.HandOverDelivery: GATE,
    ms.RefuseDelivery: GATE,
    ms.ReadDeliveries: WATCH,
    ma.ReadAlarms: WATCH_LOCKED,
    ma.FollowAlarms: WATCH_LOCKED,
    ma.AnswerAlarm: WATCH,
    # Everybody who raises protection; the console's own.
    mpo.Panic: WATCH_LOCKED,  # nobody types a PIN first who needs help
    mpo.ArmHold: WATCH,
    mpo.RaiseFromPage: WATCH,
    mpo.DraftOrder: CONSOLE,
    mpo.DraftConsent: CONSOLE,
    mpo.ListDrafts: WATCH,
    mpo.SignDraft: WATCH,
    mpo.AddSignedFile: CONSOLE,
    mpo.ReadDraftFile: WATCH,
    mpo.WithdrawDraft: CONSOLE,
    mpo.ReadConsole: WATCH,
    mpo.FollowConsole: WATCH_LOCKED,
    mpo.ReadDrills: CONSOLE,
    mpo.ReadDrillReport: CONSOLE,
    mo.ListOrders: WATCH,
    mo.AskPosture: WATCH_LOCKED,
    mo.FollowOrder: WATCH,
    mo.ConfirmEvacuation: WATCH,
    # Kept pictures: who looks is on record before the first of them.
    mi.ReadPictures: CONSOLE,
    mi.ExportPicture: CONSOLE,
    mt.ListConsents: CONSOLE,
    mt.EndConsent: CONSOLE,
    mm.ReadMuster: WATCH,
    mm.ChangeMuster: WATCH,
    mw.ReadPerimeter: WATCH_LOCKED,
    mw.ChangePerimeter: WATCH,
    m.ResetFire: CONSOLE,
    m.Status: WATCH_LOCKED,
    # Who may sign in, and who is on file.
    mp.ReadSignIns: PEOPLE,
    mp.EndSession: PEOPLE,
    mp.Invite: PEOPLE,
    mp.RemoveSignIn: PEOPLE,
    mp.MakeTerminalCode: PEOPLE,
    mp.RemoveTerminal: PEOPLE,
    mp.MakeLink: NEVER,
    mh.FindPeople: PEOPLE,
    mh.ShowPerson: PEOPLE,
    mh.PutPerson: PEOPLE,
    mh.ChangeBadge: PEOPLE,
    mh.EnrolBadge: PEOPLE,
    m.ImportPeople: PEOPLE,
    m.ReadHistory: PEOPLE,
    # What waits for a guard his screen is told by the gate's feed, as far as it may see it.
    mc.ListComparisons: NEVER,
    mc.ShowComparison: NEVER,
    # The whole journal with its names, signed files, and what is done at the machine.
    m.ReadEntries: NEVER,
    m.Subscribe: NEVER,
    m.FilePart: NEVER,
    m.TakePeople: NEVER,
    m.ExportPeople: NEVER,
    mb.CopyJournal: NEVER,
    me.ErasePerson: NEVER,
    mr.ReportPerson: NEVER,
    ml.LoadPolicy: NEVER,
    ml.ReturnPolicy: NEVER,
    ml.PolicyStatus: NEVER,
    ml.AskRoles: NEVER,
    mt.GiveConsent: NEVER,
    mj.VerifyJournal: NEVER,
    mj.ReadLeaves: NEVER,
    mj.ReadCheckpoints: NEVER,
    mv.AskViews: NEVER,
    mv.ReadNames: NEVER,
    mo.GiveOrder: NEVER,
    mo.AskChallenge: NEVER,
    mo.ReadOrderFiles: NEVER,
    md.ReadDevices: NEVER,
    md.FollowDevices: NEVER,
    md.TraceLine: NEVER,
    md.ServiceDevice: NEVER,
    md.TryDevice: NEVER,
    md.SendFileTo: NEVER,
    mf.EnrolFace: NEVER,
    mf.EraseFace: NEVER,
    mf.ListFaces: NEVER,
    mf.TakeFacePicture: NEVER,
    mi.VerifyPictures: NEVER,
}

OF_ONE_PORTAL: Mapping[type[Message], str] = {mt.LetPass: "portal", mg.ReleaseAtGate: "portal"}
"""Requests that act at a portal, and where it is named: at a terminal, one of the terminal's."""

complete(TABLE, Request)


def portal_of(request: Message) -> str | None:
    """The portal at which this request acts; None where it acts at none."""
    name = OF_ONE_PORTAL.get(type(request))
    return None if name is None else str(getattr(request, name))
