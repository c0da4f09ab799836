// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect } from "react";

/** Escape closes a panel, unless it is meant for a dialog or a menu above it. */
export function useEscape(onClose: () => void): void {
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open], [role=menu]")) onClose();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [onClose]);
}
