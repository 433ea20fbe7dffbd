#!/bin/sh
# The real programs that the tests talk to: says which are here, installs what is missing where it
# may (root with apt-get), and says what is left out. Under CI=true nothing may be left out.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Debian keeps PostgreSQL's server off the PATH.
for folder in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$folder
done

# program, and the Debian package that brings it
peers='mosquitto mosquitto
nats-server nats-server
postgres postgresql
systemd-analyze systemd
unshare util-linux
setpriv util-linux
strace strace
ssh-keygen openssh-client
node nodejs
npm npm
chromium chromium fonts-dejavu-core'

missing=$(echo "$peers" | while read -r program package; do
    command -v "$program" >/dev/null 2>&1 || echo "$package"
done)
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "peers: installing $(echo $missing)"
    # RUNLEVEL=1 keeps the package from starting a service: the tests run instances of their own.
    { apt-get -qq update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --no-install-recommends $missing; } >&2 ||
        echo "peers: apt-get could not install them" >&2
fi

# GStreamer's RTSP server, an IP camera by another hand: no program, but a library with bindings for
# the system's own Python.
streamed='gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gi'
streams() {
    /usr/bin/python3 -c 'import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find("vp8enc") and Gst.ElementFactory.find("rtpvp8pay")' 2>/dev/null
}
if ! streams && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "peers: installing $streamed"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --no-install-recommends $streamed; } >&2 ||
        echo "peers: apt-get could not install them" >&2
fi
if streams; then
    echo "peers: GStreamer's RTSP server is there"
else
    echo "peers: LEFT OUT, tests of RTSP are skipped: apt-get install $streamed"
    [ "${CI:-}" != true ] || exit 1
fi

# AsyncAPI's own parser, which a test puts docs/asyncapi.json to, axe-core, which judges the pages
# in the browser, and htmx and uPlot, with which a test compares the copies that the pages serve:
# npm's, each in a folder of its own.
if [ -d .venv ] && command -v npm >/dev/null 2>&1; then
    for name in asyncapi axe htmx uplot; do
        if sh requirements/npm.sh "$name" ".venv/$name"; then
            echo "peers: npm's part for $name is in .venv/$name"
        else
            echo "peers: LEFT OUT, npm's part for $name could not be installed: see npm above"
            [ "${CI:-}" != true ] || exit 1
        fi
    done
fi

# A control panel for OSDP by another hand, in an environment of its own.
if [ -d .venv ]; then
    if cmp -s requirements/panel.lock .venv/panel/installed.lock ||
        sh requirements/environment.sh panel; then
        echo "peers: osdp's control panel is in .venv/panel"
    else
        echo "peers: LEFT OUT, osdp's control panel could not be installed: see pip above"
        [ "${CI:-}" != true ] || exit 1
    fi
fi

echo "$peers" | {
    left_out=0
    while read -r program package; do
        if found=$(command -v "$program"); then
            echo "peers: $program is $found"
        else
            echo "peers: LEFT OUT, tests that need $program are skipped: apt-get install $package"
            left_out=1
        fi
    done
    if [ "$left_out" = 1 ] && [ "${CI:-}" = true ]; then
        echo "peers: CI leaves nothing out" >&2
        exit 1
    fi
}
