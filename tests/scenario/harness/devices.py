# SPDX-License-Identifier: GPL-3.0-or-later
"""Microphone, loudspeaker and camera for a client on a Desktop, none of which is real.

The sound is silence: what arrives is counted in packets. The camera shows a ball.
"""
from .desktop import need, wait_for

PULSE = """\
load-module module-native-protocol-unix socket={home}/pulse.sock auth-anonymous=1
load-module module-null-sink sink_name=out
load-module module-null-source source_name=mic
set-default-sink out
set-default-source out.monitor
"""
CAMERA = ("gst-launch-1.0 -q videotestsrc is-live=true pattern=ball ! "
          "video/x-raw,format=YUY2,width=640,height=480,framerate=15/1 ! pipewiresink mode=provide "
          "stream-properties=p,media.class=Video/Source,media.role=Camera,node.name=testcam").split(" ")


def sound(desktop):
    """Before the client starts; what it needs in its environment."""
    need("pulseaudio")
    script = desktop.write("pulse.pa", PULSE.format(home=desktop.home))
    desktop.spawn("sound", ["pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--use-pid-file=no",
                            "--exit-idle-time=-1", "--disable-shm=yes", "--realtime=no", "--high-priority=no"])
    wait_for("the sound server", (desktop.home / "pulse.sock").exists, bool)
    return {"PULSE_SERVER": f"unix:{desktop.home}/pulse.sock"}


def camera(desktop):
    """Before the client starts."""
    need("pipewire", "wireplumber", "gst-launch-1.0", "pw-cli")
    desktop.spawn("pipewire", ["pipewire"])
    wait_for("pipewire", (desktop.home / "run" / "pipewire-0").exists, bool)
    desktop.spawn("wireplumber", ["dbus-run-session", f"--config-file={desktop.home / 'bus.conf'}", "--", "wireplumber"])
    desktop.spawn("camera", CAMERA)
    wait_for("the camera", lambda: desktop.run_plain("pw-cli", "list-objects", "Node"), lambda text: "testcam" in text)
