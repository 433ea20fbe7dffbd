"""GStreamer's RTSP server on a free port, which it prints: an IP camera by another hand.

Run by the system's Python, which has the bindings, as
`rtsp_server.py WIDTH HEIGHT [basic|digest USER PASSWORD]`.
It shows a moving pattern with noise and stops when its input is closed.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

LAUNCH = (
    "( videotestsrc is-live=true pattern=smpte "
    "! video/x-raw,width={width},height={height},framerate=10/1 "
    "! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=10 ! rtpvp8pay name=pay0 )"
)


def guarded(factory, server, how: str, user: str, password: str) -> None:
    """Only who knows user and password sees it."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if how == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    """Serve until the input ends."""
    width, height, *known = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(width=width, height=height))
    factory.set_shared(True)
    if known:
        guarded(factory, server, *known)
    server.get_mount_points().add_factory("/gate", factory)
    server.attach(None)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
