"""A whole machine: a kernel, systemd as process 1, an encrypted disk, a TPM, and what is shipped.

`make campaign machine` runs it. The machine is emulated, so that it needs no rights and no hardware
of this one, and nothing of this one is at risk.
"""
