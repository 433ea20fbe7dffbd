"""All that may be asked at the control socket, and all that may be answered."""

from edge.control.frames import Decode
from edge.control.messages import (
    Entries,
    ExportPeople,
    ExportPeopleReply,
    FilePart,
    Heartbeat,
    Hello,
    HistoryReply,
    ImportPeople,
    ImportPeopleReply,
    ReadEntries,
    ReadHistory,
    Refused,
    ResetFire,
    ResetFireReply,
    Status,
    StatusReply,
    Subscribe,
    TakePeople,
    TakePeopleReply,
)
from edge.control.messages_alarms import AlarmAnswer, AlarmRequest
from edge.control.messages_backup import BackupAnswer, CopyJournal
from edge.control.messages_devices import DeviceAnswer, DeviceRequest
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.control.messages_faces import FaceAnswer, FaceRequest
from edge.control.messages_gate import GateAnswer, GateRequest
from edge.control.messages_guard import GuardAnswer, GuardRequest
from edge.control.messages_journal import (
    CheckpointsReply,
    Leaves,
    ReadCheckpoints,
    ReadLeaves,
    VerifyJournal,
    VerifyProgress,
    VerifyReply,
)
from edge.control.messages_muster import ChangeMuster, MusterReply, ReadMuster
from edge.control.messages_orders import OrderAnswer, OrderRequest
from edge.control.messages_page_orders import PageOrderAnswer, PageOrderRequest
from edge.control.messages_pages import PageAnswer, PageRequest
from edge.control.messages_people import PersonAnswer, PersonRequest
from edge.control.messages_perimeter import ChangePerimeter, PerimeterReply, ReadPerimeter
from edge.control.messages_pictures import PictureAnswer, PictureRequest
from edge.control.messages_policy import (
    AskRoles,
    LoadPolicy,
    PolicyReply,
    PolicyStatus,
    PolicyStatusReply,
    ReturnPolicy,
    RolesReply,
)
from edge.control.messages_report import ReportPerson, ReportPersonReply
from edge.control.messages_views import AskViews, NamesReply, ReadNames, ViewsReply
from edge.control.messages_visitors import VisitorAnswer, VisitorRequest
from edge.control.messages_visits import VisitAnswer, VisitRequest

PROTOCOL = 1

Request = (
    Status
    | ReadEntries
    | Subscribe
    | ResetFire
    | ImportPeople
    | FilePart
    | TakePeople
    | ErasePerson
    | ReportPerson
    | ExportPeople
    | ReadHistory
    | LoadPolicy
    | ReturnPolicy
    | PolicyStatus
    | AskRoles
    | VisitRequest
    | VisitorRequest
    | VerifyJournal
    | ReadLeaves
    | ReadCheckpoints
    | AskViews
    | ReadNames
    | ReadMuster
    | ChangeMuster
    | OrderRequest
    | DeviceRequest
    | FaceRequest
    | GuardRequest
    | GateRequest
    | AlarmRequest
    | ReadPerimeter
    | ChangePerimeter
    | PictureRequest
    | PageRequest
    | PageOrderRequest
    | PersonRequest
    | CopyJournal
)

Reply = (
    Hello
    | Refused
    | StatusReply
    | Entries
    | Heartbeat
    | ResetFireReply
    | ImportPeopleReply
    | FilePart
    | TakePeopleReply
    | ErasePersonReply
    | ReportPersonReply
    | ExportPeopleReply
    | HistoryReply
    | PolicyReply
    | PolicyStatusReply
    | RolesReply
    | VisitAnswer
    | VisitorAnswer
    | VerifyProgress
    | VerifyReply
    | Leaves
    | CheckpointsReply
    | ViewsReply
    | NamesReply
    | MusterReply
    | OrderAnswer
    | FaceAnswer
    | GuardAnswer
    | GateAnswer
    | AlarmAnswer
    | DeviceAnswer
    | PerimeterReply
    | PictureAnswer
    | PageAnswer
    | PageOrderAnswer
    | PersonAnswer
    | BackupAnswer
)

decode_request = Decode[Request](Request, "request")
decode_reply = Decode[Reply](Reply, "reply")
