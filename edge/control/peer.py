"""Who is at the other end of a Unix socket: the kernel's word, not the client's."""

import os
import pwd
import socket
import struct

import msgspec

_CREDENTIALS = struct.Struct("3i")


class Peer(msgspec.Struct, frozen=True):
    """`name`: the account's, or `uid-1234` where the machine has none for it."""

    pid: int
    uid: int
    gid: int
    name: str


def peer_of(connection: socket.socket) -> Peer:
    """As of when the client connected (SO_PEERCRED, unix(7)). Raises OSError when it is gone."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid, gid, account_name(uid))


def account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def owns(peer: Peer) -> bool:
    """The daemon's own account, or root."""
    return peer.uid in {0, os.geteuid()}


def may_speak(peer: Peer, group: int) -> bool:
    """The daemon's account, root, and the members of the socket's group."""
    return owns(peer) or group in _groups_of(peer)


def _groups_of(peer: Peer) -> set[int]:
    try:
        return set(os.getgrouplist(pwd.getpwuid(peer.uid).pw_name, peer.gid))
    except KeyError:
        return {peer.gid}
