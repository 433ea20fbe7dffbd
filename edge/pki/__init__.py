"""A private certificate authority for one site: who may speak to its broker, and as whom.

The keys made here prove names on the wire and nothing else: journal, orders, readers and people
have keys of their own, so that a certificate that has ended stops the way to the archive alone.
"""
