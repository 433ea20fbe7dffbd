"""Examples of events of what people do with alarms, every field filled."""

from controller import events_alarms as ea
from controller.body import Body
from controller.ids import HolderId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
REASON = commitment(Personal("reason", "seen from the window", "4b" * 16))
TEXT = commitment(Personal("text", "the courier had leant on it", "5a" * 16))

ALARMS: tuple[Body, ...] = (
    ea.AlarmAcknowledged(alarm=40, operator=OPERATOR, reason=REASON),
    ea.AlarmAssigned(alarm=40, operator=OPERATOR, holder=HolderId("h1")),
    ea.AlarmNoted(alarm=40, operator=OPERATOR, text=TEXT),
    ea.AlarmClosed(alarm=40, operator=OPERATOR, cause=ea.AlarmCause.FALSE_ALARM),
    ea.AlarmAnswerRefused(alarm=40, why=ea.AlarmRefusal.STILL_SO, operator=OPERATOR),
)
