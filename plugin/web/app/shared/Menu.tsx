// SPDX-License-Identifier: GPL-3.0-or-later
// A menu behind a button: arrow keys, Home, End, Escape, letters; what a right click or a long press shows, the button shows.
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { createPortal } from "react-dom";

const EDGE = 8; // pixels that are left free

export type MenuItem = {
  label: string;
  icon?: ReactNode;
  run: () => void;
  danger?: boolean;
  checked?: boolean;
};

export function Menu({
  label,
  icon,
  items,
  className,
}: {
  label: string;
  icon: ReactNode;
  items: MenuItem[] | (() => MenuItem[]); // by a function where there are many menus, and few are opened
  className?: string;
}) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    rise(list.current!);
    const end = keepPlaced(list.current!, button.current!);
    list.current!.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const close = (event: Event) => {
      if (!list.current?.contains(event.target as Node) && !button.current?.contains(event.target as Node))
        setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    return () => {
      end();
      document.removeEventListener("pointerdown", close);
    };
  }, [open]);

  const closeMenu = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...list.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const now = all.indexOf(document.activeElement as HTMLElement);
    const next = nextItem(event.key, now, all);
    if (event.key === "Escape" || event.key === "Tab") closeMenu();
    if (next !== null) all[next]?.focus();
    if (next !== null || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
    }
  };

  return (
    <span className={`menu ${className ?? ""}`}>
      <button
        ref={button}
        type="button"
        className="icon"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {icon}
      </button>
      {open
        ? createPortal(
            <div ref={list} id={id} role="menu" tabIndex={-1} aria-label={label} onKeyDown={onKeyDown}>
              {(typeof items === "function" ? items() : items).map((item) => (
                <button
                  key={item.label}
                  type="button"
                  role="menuitem"
                  tabIndex={-1}
                  className={item.danger ? "danger" : ""}
                  onClick={() => {
                    closeMenu();
                    item.run();
                  }}
                >
                  {item.icon}
                  {item.label}
                </button>
              ))}
            </div>,
            surroundings(button.current!),
          )
        : null}
    </span>
  );
}

function nextItem(key: string, now: number, all: HTMLElement[]): number | null {
  const last = all.length - 1;
  if (key === "ArrowDown") return now >= last ? 0 : now + 1;
  if (key === "ArrowUp") return now <= 0 ? last : now - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key.length !== 1 || key === " ") return null;
  const found = all.findIndex(
    (item, i) => i > now && item.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()),
  );
  return found >= 0 ? found : null;
}

/** Where the list is in the page: not in a row, which is taken out and put in elsewhere when the order changes. A dialog
 * keeps everything outside of it from being used. */
function surroundings(button: HTMLElement): HTMLElement {
  return button.closest<HTMLElement>("dialog, .call") ?? document.body;
}

/** Above everything. */
function rise(list: HTMLElement): void {
  if (!("showPopover" in list)) return;
  list.popover = "manual";
  list.showPopover();
}

/** Towards the middle of the window and within it, wherever the button is by now. */
function place(list: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const left = at.left + at.right < innerWidth ? at.left : at.right - width;
  const top = at.bottom + height + EDGE < innerHeight ? at.bottom : at.top - height;
  list.style.left = `${within(left, innerWidth - width)}px`;
  list.style.top = `${within(top, innerHeight - height)}px`;
}

function within(wanted: number, room: number): number {
  return Math.max(EDGE, Math.min(wanted, room - EDGE));
}

/** What is offered may become more while the list is open, and the window smaller. */
function keepPlaced(list: HTMLElement, button: HTMLElement): () => void {
  const again = () => place(list, button);
  again();
  const observer = new ResizeObserver(again);
  observer.observe(list);
  window.addEventListener("resize", again);
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", again);
  };
}
