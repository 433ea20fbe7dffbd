"""Events about the way to the archive: no door depends on it."""

from controller.body import Body, Count, Name
from policies.facts import UtcSeconds


class CertificateExpiring(Body, frozen=True, kw_only=True):
    """A certificate ends at `until_s`, in `days_left` begun days; 0: it has ended, and nothing goes
    to the archive. `which`: `edge` is this edge's own, `broker` the one that the broker has shown,
    `authority` that of who vouches for both.
    """

    which: Name
    until_s: UtcSeconds
    days_left: Count
