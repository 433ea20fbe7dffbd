"""The pages: a process of its own that shows what the daemon tells and carries what people ask.

It opens no file of the edge, holds no key and decides nothing. Without it everything goes on.
"""
