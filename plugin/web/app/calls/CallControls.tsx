// SPDX-License-Identifier: GPL-3.0-or-later
import {
  Mic,
  MicOff,
  MonitorOff,
  MonitorUp,
  PhoneForwarded,
  PhoneOff,
  Settings2,
  Video,
  VideoOff,
} from "lucide-react";
import { useEffect, useState } from "react";
import { type Key, t } from "../../i18n";
import { attempt, calls, useCalls } from "../client";
import { useCallEnd, useCallSignal } from "../hooks";
import { Menu } from "../shared/Menu";
import { PeoplePicker } from "../shared/PeoplePicker";
import { Dialog, IconButton } from "../shared/small";

export function CallControls({ isVideo }: { isVideo: boolean }) {
  const { toggleMute, toggleCamera, toggleScreen } = useCallSignal();
  const end = useCallEnd();
  const isMuted = useCalls((state) => state.isMuted);
  const isCameraOff = useCalls((state) => state.isCameraOff);
  const isSharing = useCalls((state) => state.isSharing);
  const volume = useCalls((state) => state.volume);
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
      <DeviceMenu />
      <HandOn />
      <IconButton label={t("calls.end")} className="hangup" onClick={() => void end()}>
        <PhoneOff />
      </IconButton>
    </div>
  );
}

function DeviceMenu() {
  const devices = useDevices();
  const canBlur = useCalls((state) => state.canBlur);
  const isBlurred = useCalls((state) => state.isBlurred);
  if (devices.length === 0 && !canBlur) return null;
  return (
    <Menu
      label={t("calls.devices")}
      icon={<Settings2 />}
      items={[
        ...devices.map((device) => ({
          label: `${t(`calls.${device.kind}` as Key)}: ${device.label}`,
          run: () => choose(device),
        })),
        ...(canBlur
          ? [
              {
                label: t(isBlurred ? "calls.unblur" : "calls.blur"),
                run: () => void attempt(() => calls.toggleBlur()),
              },
            ]
          : []),
      ]}
    />
  );
}

/** Gives the call to somebody else. */
function HandOn() {
  const isActive = useCalls((state) => state.callStatus === "active");
  const [handing, setHanding] = useState(false);
  return (
    <>
      {isActive ? (
        <IconButton label={t("calls.handon")} onClick={() => setHanding(true)}>
          <PhoneForwarded />
        </IconButton>
      ) : null}
      {handing ? (
        <Dialog title={t("calls.handon")} onClose={() => setHanding(false)}>
          <p>{t("calls.handon.about")}</p>
          <PeoplePicker
            onUser={(user) => {
              setHanding(false);
              void attempt(() => calls.handOn(user));
            }}
          />
        </Dialog>
      ) : null}
    </>
  );
}

function choose({ kind, deviceId }: MediaDeviceInfo): void {
  if (kind === "audiooutput") calls.setSpeaker(deviceId);
  else void attempt(() => calls.switchDevice(kind === "audioinput" ? "audio" : "video", deviceId));
}

/** Microphones, cameras and, where the page may choose them, speakers, by the names that the browser tells once it may use them. */
function useDevices(): MediaDeviceInfo[] {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const read = async () => {
      const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
      const routes = "setSinkId" in HTMLMediaElement.prototype;
      setDevices(all.filter(({ kind, label }) => label && (routes || kind !== "audiooutput")));
    };
    void read();
    navigator.mediaDevices?.addEventListener("devicechange", read);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", read);
  }, []);
  return devices;
}
