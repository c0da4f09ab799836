// SPDX-License-Identifier: GPL-3.0-or-later
import { Mic, MicOff, MonitorOff, MonitorUp, PhoneOff, Settings2, Video, VideoOff } from "lucide-react";
import { useEffect, useState } from "react";
import { t } from "../../i18n";
import { attempt, calls, useCalls } from "../client";
import { useCallEnd, useCallSignal } from "../hooks";
import { Menu } from "../shared/Menu";
import { IconButton } from "../shared/small";

export function CallControls({ isVideo }: { isVideo: boolean }) {
  const { toggleMute, toggleCamera, toggleScreen } = useCallSignal();
  const end = useCallEnd();
  const isMuted = useCalls((state) => state.isMuted);
  const isCameraOff = useCalls((state) => state.isCameraOff);
  const isSharing = useCalls((state) => state.isSharing);
  const volume = useCalls((state) => state.volume);
  const devices = useDevices();
  return (
    <div className="controls" role="toolbar" aria-label={t("calls.active")}>
      <IconButton label={t(isMuted ? "calls.unmute" : "calls.mute")} pressed={isMuted} onClick={toggleMute}>
        {isMuted ? <MicOff /> : <Mic />}
      </IconButton>
      {isVideo ? (
        <>
          <IconButton
            label={t(isCameraOff ? "calls.camera.on" : "calls.camera.off")}
            pressed={isCameraOff}
            onClick={toggleCamera}
          >
            {isCameraOff ? <VideoOff /> : <Video />}
          </IconButton>
          <IconButton
            label={t(isSharing ? "calls.screen.stop" : "calls.screen")}
            pressed={isSharing}
            onClick={() => void toggleScreen()}
          >
            {isSharing ? <MonitorOff /> : <MonitorUp />}
          </IconButton>
        </>
      ) : null}
      <label className="volume">
        <span className="hidden">{t("calls.volume")}</span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={volume}
          onChange={(event) => calls.setVolume(Number(event.target.value))}
        />
      </label>
      {devices.length > 0 ? (
        <Menu
          label={t("calls.microphone")}
          icon={<Settings2 />}
          items={devices.map((device) => ({
            label: device.label,
            run: () =>
              void attempt(() =>
                calls.switchDevice(device.kind === "audioinput" ? "audio" : "video", device.deviceId),
              ),
          }))}
        />
      ) : null}
      <IconButton label={t("calls.end")} className="hangup" onClick={() => void end()}>
        <PhoneOff />
      </IconButton>
    </div>
  );
}

/** Microphones and cameras, by the names that the browser tells once it may use them. */
function useDevices(): MediaDeviceInfo[] {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const read = async () => {
      const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
      setDevices(all.filter((device) => device.kind !== "audiooutput" && device.label));
    };
    void read();
    navigator.mediaDevices?.addEventListener("devicechange", read);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", read);
  }, []);
  return devices;
}
