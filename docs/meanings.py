"""What the generated tables say beyond the code: one sentence for each key and each event kind.

`docs.generate` refuses a key without a sentence here and a sentence without its key.
"""

from docs import meanings_devices, meanings_perimeter, meanings_pictures, meanings_visits

INCLUDED = "further files of this policy, by their names alone: they lie beside this one"

ALTERNATIVES = {
    "face": "asked in its place of holders who give no biometrics (`biometrics` in the file of "
    "people), and of everybody where no camera sees or a comparison came to nothing: "
    'one set of factors without face and finger, as `"pin+guard"`, with which no profile '
    "comes to fewer factors; left out: they are asked for a face as everybody is",
    "finger": "the same for a finger",
}

POLICY_KEYS: dict[str, dict[str, str]] = {
    "": {
        "schema": "the version of this language; every file says it",
        "site": "id of the site; the site file must name the same",
        "version": "raise it with every change; events name it",
        "timezone": "IANA name; all hours of the policy are read off a wall clock there",
        "name": "the site's full name, for people",
        "portraits": "of whoever is enrolled one picture of the face is kept, sealed beside the "
        "template, for guards to compare",
    },
    "calendar": {
        "dates": "holidays, each as `2026-12-25`, 1970 to 2100",
        "file": "iCalendar file with holidays, by its name alone; the site file lists it among "
        "the policy files",
    },
    "schedule": {
        "daily": 'time spans of every day, as `"07:30-18:30"`; past midnight `"22:00-06:00"` '
        'belongs to the day it starts on, a whole day is `"00:00-24:00"`',
        "mon": "of Mondays, on top of the others that name this day",
        "tue": "of Tuesdays",
        "wed": "of Wednesdays",
        "thu": "of Thursdays",
        "fri": "of Fridays",
        "sat": "of Saturdays",
        "sun": "of Sundays",
        "mon-fri": "of Monday to Friday",
        "sat-sun": "of Saturday and Sunday",
        "except": "calendar: spans that would start on one of its days do not",
        "holiday": "time spans of those days in place of the others; left out: none",
    },
    "zone": {
        "kind": "what the area is; a refuge is fled into in lockdown and shelter",
        "name": "for people; the id where it is empty",
        "inside": "the zone around this one; denials, fire inputs and the limits on who is inside "
        "reach inwards, clearance and factors do not",
        "regime": "which convention protects it: mission (VCDR art. 22) or consular (VCCR art. 31)",
        "consent-presumed-in-fire": "consular premises only: in a fire the host state's agents "
        "count as let in (VCCR art. 31(2))",
        "clearance": "needed to enter, by threat level: `{ 4 = 3 }`; a level that is not named "
        "keeps the one below, none may ask for less than the one below",
        "factors": "profile asked for on the way in; required unless the zone is public",
        "assurance": "the least a line must be worth for a factor to count on the way in: weak, "
        "inside (plain wiring on the protected side), secure (authenticated and encrypted)",
        "occupancy-max": "so many people at most, reserved places included",
        "occupancy-min": "so many people at least, or none",
        "occupancy": "hard limits refuse entry, soft ones are noted",
        "anti-passback": "who is known inside does not enter again: hard refuses, soft "
        "notes, timed refuses until `anti-passback-s` have passed",
        "anti-passback-s": "after so long it is forgiven; with timed alone",
        "anti-passback-region": "zones that name the same word are one region; left out: the zone "
        "and all inside it",
        "two-person": "two entitled people, no visitors, present together",
        "first-person": "until somebody has entered by a grant with `first-person`, no other opens",
        "screening": "stations, one of which must have cleared the person; exempt and protected "
        "roles are never searched",
        "knowledge-max-s": "nobody enters on knowledge of holders older than this",
        "face-distance-max": "how far a face may be from the holder's template, by threat level: "
        "`{ 1 = 0.5, 4 = 0.45 }`; 0.5 where nothing is said, a level that is not named keeps the "
        "one below, none may be looser than the one below ([biometrics](biometrics.md))",
        "face-turns": "how many turns of the head prove that a face is no picture, by threat "
        "level: `{ 1 = 1, 3 = 2 }`; 2 where nothing is said, 0 asks for none",
    },
    "portal": {
        "from": "the outer zone",
        "to": "the inner zone",
        "kind": "lifts and vehicle barriers never count as a way out",
        "lock": "what the lock does without power: stay shut (power-to-unlock) or open "
        "(power-to-lock)",
        "egress": "how the way out opens when nobody is asked: by hand, by switching the lock, or "
        "not at all",
        "exit": "whether somebody who leaves is asked for a credential",
        "name": "for people; the id where it is empty",
        "egress-route": "which direction leads out; left out: exit, where kind, egress and release "
        "allow it to count",
        "on-fire": "what fire does to the lock; left out: release for electric egress, leave "
        "otherwise; electric egress must be release",
        "hard-wired-release": "a green box beside it cuts the lock's power past the software; a "
        "reader exit needs one",
        "drop-arm": "turnstiles: the arms fall when released; without them it is no way out",
        "rex": "what a request-to-exit input does: explain an opening, or unlock as well; left "
        "out: there is none",
        "contact": "a door contact is fitted",
        "bolt": "a bolt sensor is fitted",
        "loop": "driven up and down or to and fro over vehicles, with a safety loop; left out: a "
        "vehicle barrier is, which must be, and nothing else",
        "open-s": "length of one release, in tenths of a second",
        "pre-alarm-s": "so long before it counts as held its readers blink and beep, once; left "
        "out: they do not",
        "open-extended-s": "length of a release for who has a role with `extended`; left out: as "
        "`open-s`",
        "held-extended-s": "how long they may have it open; left out: as `held-s`",
        "held-s": "how long the leaf may stand open before it is held; at least `open-s`",
        "stuck-s": "how long it may be held or forced before it counts as never closing; more than "
        "`held-s`",
        "debounce-ms": "a contact or bolt must hold its new state for so long",
        "emergency": "may be entered while the journal cannot be written: refuges, responders",
        "release-by-two": "nobody is let in here on one guard's word: a second one confirms it at "
        "a guard's terminal within a minute, and both are on record",
        "refuge-route": "lies on the way into a refuge: a valid badge opens it from inside in "
        "lockdown and shelter",
        "interlock": "portals that name the same word are never released for entry together",
        "open": "schedule during which anybody may enter",
        "open-threat-max": "the highest threat level at which it stands open",
        "may-hold": "the authority's document that allows identified exits to be held; nothing can "
        "hold them so far",
        "factors": "profile asked for on top of the zone's",
        "exit-factors": "profile of the exit reader; left out: the badge alone",
        "pictures": "what is kept of the portal's cameras: `none`, `alarms` (the seconds around an "
        "alarm), `decisions` (these, and a picture beside each decision)",
    },
    "screening": {
        "name": "for people; the id where it is empty",
        "valid-s": "how long a clearance counts",
    },
    "watchlist": {
        "action": "deny refuses entry, observe notes it; neither becomes detention, search or "
        "capture",
        "reason": "for officers",
    },
    "order": {
        "roles": "who may give it",
        "people": "how many of them sign; two for what takes protection away",
    },
    "succession": {
        "deputies": "roles that step in, in this order, where nobody of the role that the table is "
        "called by can be reached; each says so by a signed order",
    },
    "page": {
        "roles": "who may use it: `gate` is the guard's terminal, `console` the chief's, `people` "
        "who may sign in and what is on file",
        "protected": "at the `gate` alone, what is shown of protected persons: `hidden`, `status` "
        "(that one passed, and not who), `name`; left out: `status`",
    },
    "fire": {"zones": "the zones it covers, with all inside them; empty: every zone"},
    **meanings_perimeter.POLICY_KEYS,
    "role": {
        "clearance": "compared with the zone's; the highest of a holder's roles counts",
        "kind": "a visitor enters only with an escort, whatever the grant says, and overrides "
        "nothing",
        "protected": "inviolable (VCDR art. 29): never kept in",
        "host-state": "agent of the receiving state: enters only with recorded consent "
        "(`sentrypost consent`)",
        "emergency": "a responder: opens nothing by itself; `sentrypost policy lint` warns where "
        "lockdown, evacuation or fire would keep the role out",
        "overrides": "postures that the role may pass in spite of, each exactly as named",
        "screening": "exempt: never searched, as protected roles are",
        "escort": "may escort visitors",
        "per-host": "visitors: so many at once to one escort",
        "protocol": "the protocol officer: named by the alarm that a protected person was refused; "
        "nothing else follows from it",
        "extended": "needs more time at doors: `open-extended-s` and `held-extended-s` hold",
        "stay-max-s": "how long one visit may last; who stays longer is told of once and leaves as "
        "ever. The shortest of a holder's roles counts",
    },
    "grant": {
        "id": "named by every decision that rests on it",
        "roles": "who; one of them is enough",
        "zones": "every way into these zones, not into those inside them; either this or `portals`",
        "portals": "these portals alone; either this or `zones`",
        "when": "schedule; left out: always, and then no trusted clock is needed",
        "threat-max": "the highest threat level at which it holds",
        "in": "modes in which it holds",
        "factors": "profile asked for on top of zone and portal",
        "escorted": "only with an escort",
        "two-person": "only together with another entitled person",
        "first-person": "who enters by it opens the zone, and doors that stand open by schedule, "
        "for the others",
    },
    "deny": {
        "id": "named by every refusal that rests on it",
        "roles": "who; one of them is enough",
        "zones": "where, with all zones inside; no grant and no override reaches it",
        "reason": "for officers",
    },
    "never": {
        "id": "named by the proof",
        "roles": "nobody who has one of these,",
        "reach": "gets into one of these zones, in any posture, at any time, by any way,",
        "unless": "except with recorded consent, an escort, or a second person",
        "reason": "for officers",
    },
    "always": {
        "id": "named by the proof",
        "roles": "whoever has one of these",
        "from": "gets from each of these zones",
        "reach": "into one of these,",
        "in": "in each of these modes,",
        "threat-max": "at every threat level up to this one",
        "reason": "for officers",
    },
}

SITE_KEYS: dict[str, dict[str, str]] = {
    "": {
        "site": "id of the site, as in its policy",
        "edge": "id of this daemon; starts with a letter",
        "policy": "policy files, with the calendar files (.ics) that they name; together they are "
        "one policy",
        "state": "folder of journal, people and control socket; made when it does not exist",
        "site-key": "file of the site's key: 32 raw bytes, mode 600, the same at all its edges; "
        "this, every reader's key, the broker's password and its certificate may be "
        "`credential:NAME`: what systemd hands over",
        "former-picture-key": "the one before it: what still lies under it is wrapped anew at the "
        "start; then take this line away",
        "picture-key": "file of 32 raw bytes, mode 600, or `credential:NAME`, under which the keys "
        "of pictures and clips lie; without it one that the edge makes in its state folder",
        "template-key": "file of the key under which templates of faces lie: 32 raw bytes, "
        "mode 600, a secret of this edge alone; without it one in the state folder, made at the "
        "first enrolment. `credential:NAME` keeps it from whoever takes the disk",
        "former-template-key": "the one before it: what still lies under it is sealed anew at the "
        "start; then take this line away",
        "trust-clock": "when wall time is believed: while the kernel says that a time service "
        "disciplines it, or always (demonstrations)",
    },
    "broker": {
        "host": "name or address of the MQTT broker; without `[broker]` nothing leaves the edge",
        "port": "TCP port; 8883 where TLS is usual",
        "mqtt": "which version of MQTT is spoken with it; what is sent is the same in both",
        "also": "further nodes of the same broker, which is a cluster, as `HOST` (at `port`) or "
        "`HOST:PORT`: tried in turn where the one before fails",
        "username": "this edge's account at the broker",
        "witness": "public key of the witness that cosigns the journal's size, as `sentrypost"
        " central key` prints it; without it nobody remembers how large the journal was",
        "password-file": "file with the password alone",
        "ca": "the authority's certificate (`ca.pem` of `sentrypost pki init`): TLS, and nobody "
        "else's broker is believed",
        "certificate": "this edge's certificate with its key behind it, mode 600, as `sentrypost "
        "pki edge` makes it",
        "key": "the certificate's private key, where another authority gives it in a file apart",
    },
    "line": {
        "driver": "an installed driver, with keys of its own: docs/devices.md",
    },
    "device": {
        "line": "the line that it hangs on; its driver has more keys: docs/devices.md",
        "inputs": "how many inputs it reports",
        "outputs": "how many outputs it has",
        "keypad": "it has a keypad, so that a PIN can be asked for",
        "badge-format": "what badges look like that are read there: `h10301`, `h10306`, `c1k35`, "
        "`h10302`, `h10304`, `c1k48`, a `[badge-format.<id>]`, or `raw`, which is any bits and "
        "what holds where it is not said",
    },
    "badge-format": {
        "bits": "how many bits a reader hands over",
        "fields": "a layout of the site's own: the numbers on the card, in the order in which they "
        "are written, each with its first bit and how many it has; the first bit on the wire is 1",
        "parity": "check bits of that layout: which bit, over which others (`2-13`, or `3,4,6-7`), "
        "and whether the ones among all of them are even or odd in number; in the order in which "
        "they are worked out",
        "card": "instead of a layout: the format of the card that is in what the reader hands over",
        "takes": "goes with `card`. `last`: the last bits are the whole card, parity included; "
        "`numbers`: the last bits are its fields alone, and parity is worked out",
    },
    "portal": {
        "lock": "the output that works the lock, or raises what is driven: "
        "`{ device = …, output = … }`",
        "lower": "what is driven over vehicles: the output that lowers it, on the same device",
        "loop": "its safety loop; energised: a vehicle is there",
        "up": "its upper limit, where it has one; energised: it is up. The lower one is `contact`",
        "contact": "the door contact: `{ device = …, input = … }`; energised is open",
        "rex": "the request to exit; energised is asked for",
        "bolt": "the bolt sensor; energised is thrown",
        "entry-reader": "the reader on the outer side",
        "exit-reader": "the reader on the inner side",
        "accept-exposed-lock": "the lock hangs on the entry reader and somebody accepts that",
    },
    "camera": meanings_devices.CAMERA_KEYS,
    "fire": {"input": "a loop that is closed, and so energised, while all is well"},
    **meanings_perimeter.SITE_KEYS,
    "key": {
        "person": "whose key it is; where two people must sign, two keys of one person are one",
        "public": "as `sentrypost key new` prints it, or a line `ssh-ed25519 AAAA…` of OpenSSH; an "
        "SSH key signs orders alone",
        "fido2": "instead of `public`: the credential of a security key, as `sentrypost key fido2` "
        "prints it; it signs orders and consents alone",
        "may": "what it may sign: change sets of people, policies, the head of mission's consents, "
        "orders, that somebody has seen an alarm (`alarm`); `raise` is for the key of an edge, "
        "which signs for its switches, buttons and pages orders that raise security, and nothing "
        "else",
        "holder": "the person's id on file; needed where the policy's `[order.…]` says which roles "
        "may sign",
    },
    "terminal": {
        "portals": "what the guard at this screen works; none named: every portal of the edge",
        "reader": "the screen's own reader, on a [device]: who holds a badge there signs in with "
        "the PIN, and no door hears of it",
        "panic": "what the edge orders when somebody calls for help at this screen, as "
        "`[source.<id>]` has it: `gives`, `reason`, `zones`, `cover`, `level`; left out: the alarm "
        "alone",
    },
    "pages": {
        "name": "the host under which browsers find the pages; passkeys are bound to it for good; "
        "left out: `sentrypost.` and the site's name",
        "socket": "where the pages' process asks, in a folder whose group alone reaches it; left "
        "out: `pages.sock` in the state folder",
        "plan": "file of a drawing of the site, an SVG of 384 KiB at most, for the guards' "
        "screens: the element whose id is a portal's shows how that portal stands; left out: a "
        "plan is laid out from the policy's zones",
    },
    "duress": {
        "recipients": "public keys, four at most, as `sentrypost duress new` prints them: who has "
        "the private half is told when a PIN for duress was typed",
    },
    "retention": {
        "passages-days": "for how many days entries about who came to which door are kept, counted "
        "from the end of their segment; without it for good",
        "alarms-days": "the same for alarms, fires and postures",
        "people-days": "the same for people on file, visits, consents and erasures",
        "system-days": "the same for everything else",
        "pictures-days": "for how many days a picture beside a decision is kept",
        "clips-days": "the same for the clip of an alarm",
    },
}

EVENTS: dict[str, str] = {
    "reader-lost": "The reader does not answer or is not believed.",
    "reader-tampered": "The reader's tamper contact opened or closed.",
    "attempt-abandoned": "A pending attempt ended without a decision.",
    "factor-asked": "A further factor was asked for.",
    "fire-reset-refused": "A fire latch was not reset.",
    "person-checked-off": "Somebody was seen safe in a muster.",
}
"""For kinds whose docstring is missing or speaks of a field first."""

ACTIONS: dict[str, str] = {
    "holder-locked-out": "Ask whether the holder has the badge. It ends by itself.",
    "visitor-unescorted": "Send somebody to the visitor.",
    "visitor-overstayed": "Ask the host, or send somebody to the visitor.",
    "protocol-officer-called": "Call the protocol officer, who speaks with the person. Never a "
    "search, never an arrest; nobody is held.",
    "party-left-behind": "Find them: they came under a consent, with the person who has left.",
    "agent-without-consent": "Call the head of mission. Nothing is done to the agent, who leaves "
    "as anybody does.",
    "person-erased": "Erase backups too, and see that the other edges took the change set.",
    "consent-refused": "The reason says why; nothing was changed.",
    "person-screened": "Declined: deny politely and call the protocol officer. Never a search.",
    "badge-sought": "Nothing to do; where none was to be given, ask who waits for it.",
    "visitor-code-made": "Nothing to do; whoever is not expected is asked about.",
    "edge-started": "In safe mode, or by the kept copy: find out in the log of the daemon what "
    "ended it three times.",
    "journal-lost": "Free space or replace the storage; the daemon tries again by itself. "
    "Until then nobody enters except by `emergency` portals.",
    "certificate-expiring": "Renew it (`sentrypost pki renew`, `install`), the broker's where that "
    "runs: at its end nothing goes to the archive any more. Doors do not depend on it.",
    "entries-pruned": "Nothing: the archive has them. Where it was `early`, free space or give the "
    "edge a larger disk.",
    "witness-key-followed": "Nothing, if it was rotated where central runs. Otherwise somebody has "
    "the witness's former key: name the right one in `[broker] witness`, remove "
    "`witness.followed` from the state folder, and start the edge.",
    "journal-key-rotated": "Nothing, if you have rotated it. Otherwise somebody was in the state "
    "folder: `docs/security.md`.",
    "reserve-used": "Make space on the disk now. The next time nothing can be written, and nobody "
    "enters but by `emergency` portals.",
    "journal-doubted": "Start the edge again now: it sets the journal aside as evidence and begins "
    "a new one, and until then the archive takes nothing from it. Then look for who was in the "
    "state folder, and at posture and people.",
    "journal-unsound": "Copy the folder, run `sentrypost journal verify`, compare with the "
    "archive, and look for who was on the machine; or replace the disk.",
    "entry-dropped": "The gap is final. Write down what the guards remember of that time.",
    "clock-judged": "Not trusted: mend the time service. A jump: find out who set the clock.",
    "posture-changed": "Follow the site's orders for that mode.",
    "reader-found": "`secure` is false at a reader on an OSDP line: do not trust it, pair it "
    "again. A module or scanner never is secure, and whether it lives is not seen.",
    "reader-lost": "Check power, wiring, address, baud rate and key; the reason says which.",
    "camera-faulted": "Send somebody to look at the camera, and at what is before it. Until it "
    "sees again nobody is compared with what it shows, and the policy's alternative is asked for.",
    "factor-missed": "Where it happens often at one door, look at its camera and its light.",
    "face-enrolled": "Nothing to do; where it resembles somebody else on file, see that an officer "
    "has looked at both.",
    "face-erased": "Erase backups of `faces.db`. Where a face is asked for, its alternative is.",
    "face-unsound": "Find out who was in the state folder, and whether the key is the right one; "
    "then enrol the person anew.",
    "templates-resealed": "Destroy the former key, and backups that it opens.",
    "session-began": "Nothing to do; where nobody of that name was there, end the session.",
    "session-ended": "Nothing to do.",
    "session-unlocked": "Nothing to do.",
    "sign-in-refused": "From the fifth on: send somebody to the terminal, and ask the person. "
    "Nobody is let in by trying; each further pause is twice as long.",
    "terminal-changed": "Ask whether it was meant; if not, take the terminal away with `sentrypost "
    "signin terminal NAME --end`, and look who was signed in there.",
    "sign-in-changed": "Ask the person whether it was meant; if not, remove it and end the "
    "person's sessions.",
    "reader-power-failed": "See to its supply: when it goes, so does what it drives.",
    "reader-tampered": "Send somebody to look at the reader before it is used again.",
    "device-suspected": "Somebody may sit on the line. Keep the journal, inspect the cable run.",
    "portal-forced": "Send a guard. The alarm stands until the leaf closes.",
    "portal-held": "Have the door closed.",
    "portal-never-closed": "Look for a wedge; else replace the contact.",
    "contact-faulted": "Mend the contact's line; a grant still works, nobody sees the leaf.",
    "exit-over": "Nothing; the portal is locked again.",
    "exit-stuck": "Free the request-to-exit input; it may be taped down.",
    "egress-released": "The way out is free on purpose. Post a guard if it opens inward too.",
    "portal-lost": "Mend the device on which the lock hangs; no entry is granted there meanwhile.",
    "fire-line-read": "Not `normal`: treat it as fire, and look for a cut line if there is none.",
    "fire-latched": "Fire. When it is over and the line is normal: `sentrypost fire reset INPUT`.",
    "fire-reset-refused": "The reason says why: as a rule the line is still not normal.",
    "order-accepted": "Do as it says; look which doors have not obeyed. `late`: somebody on the "
    "spot confirms the evacuation.",
    "order-refused": "The reason says why; nothing was changed.",
    "orders-suspected": "Find out who offers orders here; keep the files.",
    "evacuation-confirmed": "Leave, and count who is out.",
    "order-ended": "Look whether others are still in force.",
    "counters-challenged": "Two people sign it who know what was ordered meanwhile.",
    "effect-ended": "`lost` or `refused` on a lock: look whether that door obeyed.",
    "badge-ignored": "Nothing to do; many in a row are worth a question.",
    "muster-begun": "Go to the assembly point and check people off: `sentrypost muster check`. In "
    "a drill as well.",
    "muster-ended": "Some are `missing`: they were not found. Say so to whoever searches.",
    "muster-refused": "`why` says it: a muster goes on already, or none does, or nobody on file "
    "was meant.",
    "alarm-answer-refused": "`why` says it: as a rule somebody else was there first.",
    "grant-aborted": "Nothing to do: posture, fire or the journal took the grant back.",
    **meanings_devices.ACTIONS,
    **meanings_perimeter.ACTIONS,
    **meanings_pictures.ACTIONS,
    **meanings_visits.ACTIONS,
}
