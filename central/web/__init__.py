"""The wall: a process of its own that shows what central tells and carries what operators ask.

It opens no file of central's, holds no key and decides nothing. Without it central goes on.
"""
