"""A whole site in virtual time: the real edge and central, on simulated wires, disks and people."""
