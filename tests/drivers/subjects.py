"""Every driver as a subject of the conformance kit; MQTT has its own, which needs a broker."""

from tests.drivers.ascii.subject import SUBJECTS as ASCII
from tests.drivers.lcus.subject import SUBJECTS as LCUS
from tests.drivers.modbus.subject import SUBJECT as MODBUS
from tests.drivers.osdp.subject import SUBJECT as OSDP

SUBJECTS = (OSDP, MODBUS, *LCUS, *ASCII)
