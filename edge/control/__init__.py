"""The control socket: the one way to a running daemon, for commands and pages alike.

`desk.Desk` is what the server needs of the daemon, `messages` is what passes over the socket,
`server.ControlServer` serves it, `client.Client` speaks to it. What any such socket needs,
central's too, is in `conversation` and `calling`.
"""
