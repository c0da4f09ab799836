// SPDX-License-Identifier: GPL-3.0-or-later
// A finger that moves sideways over a row. Whatever it does is in the row's menu, too (WCAG 2.5.7).
import { type PointerEvent, useRef } from "react";

const FAR = 80; // pixels

/** START: towards the beginning of the line, END: towards its end. */
export function useSwipe({ onStart, onEnd }: { onStart: () => void; onEnd: () => void }) {
  const from = useRef<{ x: number; y: number } | null>(null);
  const move = (element: HTMLElement, x: number) => element.style.setProperty("--swipe", `${x}px`);
  const end = (event: PointerEvent<HTMLElement>) => {
    const start = from.current;
    from.current = null;
    move(event.currentTarget, 0);
    if (!start || event.type === "pointercancel") return;
    const x = event.clientX - start.x;
    if (Math.abs(x) < FAR || Math.abs(event.clientY - start.y) > FAR / 2) return;
    const isToStart = document.dir === "rtl" ? x > 0 : x < 0;
    (isToStart ? onStart : onEnd)();
  };
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.pointerType === "touch") from.current = { x: event.clientX, y: event.clientY };
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const start = from.current;
      if (start && Math.abs(event.clientX - start.x) > 16) move(event.currentTarget, event.clientX - start.x);
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
}
