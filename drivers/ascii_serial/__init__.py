"""Readers that only ever speak: EM4100 modules and line scanners on a serial port of their own."""
