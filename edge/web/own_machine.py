"""Names of the machine itself, by which nobody else can be asked."""

import ipaddress


def names_itself(host: str) -> bool:
    """`host`: without its port."""
    name = host.strip("[]").lower()
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
