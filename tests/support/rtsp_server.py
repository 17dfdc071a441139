"""A camera of the tests: an RTSP server on GStreamer, run by Debian's Python in a process of its own.

The first line on stdin is JSON: ``port``, ``width``, ``height``, ``fps``, and ``user``, ``password``, ``auth`` ("basic" or
"digest") or none of these. It prints ``ready`` and then serves ``/live``: H.264 with a bar that moves, and in its upper
left the time of day of the image in milliseconds, as 32 blocks, black or white (`clock_of` in `support.rtsp_camera`
reads them). A line ``size W H`` on stdin changes the size in mid-stream; the end of stdin ends it.
"""

import json
import sys
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - gi wants versions first

BITS = 32
BLOCK = 8
_ENCODER = (
    "( appsrc name=source is-live=true do-timestamp=true format=time ! queue ! "
    "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={gop} bitrate=800 ! "
    "rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def caps(width: int, height: int, fps: int) -> Any:
    return Gst.Caps.from_string(
        f"video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
    )


def picture(width: int, height: int, number: int) -> bytes:
    """I420: a grey ground, the clock's blocks in two rows of 16, and a bright bar that moves."""
    row = bytearray(b"\x60" * width)
    at = (number * 4) % (width - 16)
    row[at : at + 16] = b"\xd0" * 16
    luma = bytearray(bytes(row) * height)
    now = int(time.time() * 1000) & 0xFFFFFFFF
    for half in range(2):
        line = bytearray(row)
        for bit in range(BITS // 2):
            white = now >> (half * 16 + bit) & 1
            line[bit * BLOCK : (bit + 1) * BLOCK] = (b"\xeb" if white else b"\x10") * BLOCK
        for y in range(half * BLOCK, (half + 1) * BLOCK):
            luma[y * width : (y + 1) * width] = line
    return bytes(luma) + b"\x80" * (width * height // 2)


class Camera:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.width, self.height, self.fps = spec["width"], spec["height"], spec["fps"]
        self.sources: list[Any] = []
        self.number = 0
        self.server = GstRtspServer.RTSPServer.new()
        self.server.set_address("127.0.0.1")
        self.server.set_service(str(spec["port"]))
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(_ENCODER.format(gop=self.fps))
        factory.set_shared(True)
        factory.connect("media-configure", self.configured)
        if spec.get("user"):
            self.require(factory, spec)
        self.server.get_mount_points().add_factory("/live", factory)
        self.server.attach(None)
        GLib.timeout_add(1000 // self.fps, self.tick)

    def require(self, factory: Any, spec: dict[str, Any]) -> None:
        auth = GstRtspServer.RTSPAuth.new()
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "viewer")
        if spec["auth"] == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(spec["user"], spec["password"], token)
        else:
            basic = GstRtspServer.RTSPAuth.make_basic(spec["user"], spec["password"])
            auth.add_basic(basic, token)
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
        self.server.set_auth(auth)

    def configured(self, _factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name_recurse_up("source")
        source.set_property("caps", caps(self.width, self.height, self.fps))
        self.sources.append(source)
        media.connect("unprepared", lambda _: self.sources.remove(source))

    def tick(self) -> bool:
        self.number += 1
        content = picture(self.width, self.height, self.number)
        for source in list(self.sources):
            source.emit("push-buffer", Gst.Buffer.new_wrapped(content))
        return True

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        for source in self.sources:
            source.set_property("caps", caps(width, height, self.fps))


def main() -> None:
    Gst.init(None)
    camera = Camera(json.loads(sys.stdin.readline()))
    loop = GLib.MainLoop()

    def said(channel: Any, _condition: Any) -> bool:
        word, *numbers = (channel.readline() or "end").split()
        if word == "size":
            camera.resize(*map(int, numbers))
        else:
            loop.quit()
            return False
        return True

    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, said)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
