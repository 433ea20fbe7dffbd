"""OSDP readers over RS-485: our own control panel (SIA OSDP v2.2), Secure Channel enforced."""
