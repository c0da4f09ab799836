// SPDX-License-Identifier: GPL-3.0-or-later
// Small parts that many screens need.
import { ArrowLeft, LoaderCircle, X } from "lucide-react";
import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useStore } from "zustand";
import { t } from "../../i18n";
import { goBack } from "../routes";
import { dismissToast, toasts } from "../stores/toasts";
import { announcer } from "./announce";
import { type HelpTopic, useHelp } from "./Help";

export function LoadingSpinner({ label }: { label?: string }) {
  return (
    <div className="spinner" role="status">
      <LoaderCircle aria-hidden="true" />
      <span className="hidden">{label ?? t("loading")}</span>
    </div>
  );
}

export function EmptyState({
  title,
  text,
  children,
}: {
  title: string;
  text?: string;
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      <p className="title">{title}</p>
      {text ? <p>{text}</p> : null}
      {children}
    </div>
  );
}

export function IconButton(properties: {
  label: string;
  onClick: () => void;
  children: ReactNode;
  disabled?: boolean;
  pressed?: boolean;
  className?: string;
  title?: string;
}) {
  const { label, onClick, children, disabled, pressed, className, title } = properties;
  return (
    <button
      type="button"
      className={`icon ${className ?? ""}`}
      aria-label={label}
      title={title ?? label}
      aria-pressed={pressed}
      aria-disabled={disabled || undefined}
      onClick={disabled ? undefined : onClick}
    >
      {children}
    </button>
  );
}

/** A screen in place of a conversation; on a phone it is all that is seen. TOOLS: beside its title. */
export function Screen({
  title,
  tools,
  className,
  children,
}: {
  title: string;
  tools?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div className={className ? `settings ${className}` : "settings"}>
      <header className="chatheader">
        <IconButton label={t("back")} onClick={goBack}>
          <ArrowLeft />
        </IconButton>
        <h1>{title}</h1>
        {tools}
      </header>
      <div className="body">{children}</div>
    </div>
  );
}

/** A dialog of the browser's own: it takes the focus, keeps it, and gives it back. */
export function Dialog({
  title,
  onClose,
  children,
  className,
  help,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  className?: string;
  help?: HelpTopic;
}) {
  const { button, text } = useHelp(help, title);
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Closed before React takes it out of the page: only then the browser gives the focus back.
  useLayoutEffect(() => {
    const dialog = element.current!;
    if (!dialog.open) dialog.showModal();
    // Where there is something to write, one writes at once; on a phone that would bring up the keyboard.
    if (!matchMedia("(pointer: coarse)").matches)
      dialog.querySelector<HTMLElement>("input:not([type=checkbox], [type=radio]), textarea")?.focus();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={className}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        {button}
        <IconButton label={t("close")} onClick={onClose}>
          <X />
        </IconButton>
      </header>
      <div className="body">
        {text}
        {children}
      </div>
    </dialog>
  );
}

export function Toasts() {
  const items = useStore(toasts, (state) => state.items);
  return (
    <div className="toasts" role="alert">
      {items.map((toast) => (
        <div className="toast" key={toast.id}>
          <span>{toast.text}</span>
          {toast.action ? (
            <button
              type="button"
              onClick={() => {
                dismissToast(toast.id);
                toast.action!.run();
              }}
            >
              {toast.action.label}
            </button>
          ) : null}
          <IconButton label={t("close")} onClick={() => dismissToast(toast.id)}>
            <X />
          </IconButton>
        </div>
      ))}
    </div>
  );
}

/** What screen readers are told; never shown. */
export function Announcer() {
  const text = useStore(announcer, (state) => state.text);
  return (
    <div className="hidden" role="log" aria-live="polite">
      {text}
    </div>
  );
}
