// SPDX-License-Identifier: GPL-3.0-or-later
// Lists beside that of conversations: messages with a star, calls, contacts.
import { PhoneIncoming, PhoneMissed, PhoneOutgoing } from "lucide-react";
import { type FormEvent, lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import type { Call, Contact } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { CallInitiationButtons } from "../calls/CallInitiationButtons";
import { attempt, messenger, queries, useMessaging } from "../client";
import { go, threadPath } from "../routes";
import { readAnew } from "../shared/anew";
import { PeoplePicker } from "../shared/PeoplePicker";
import { MoreButton, usePages } from "../shared/pages";
import { Dialog, EmptyState, LoadingSpinner, Screen } from "../shared/small";
import { clockText } from "../shared/times";
import { UserAvatar } from "../shared/UserAvatar";
import { useAnew } from "../shared/useAnew";
import { FoundMessage } from "../thread/ConversationDialog";

const ReportDialog = lazy(() => import("../thread/ReportDialog"));
export type ListName = "starred" | "calls" | "contacts";

export default function Lists({ name }: { name: ListName }) {
  return (
    <Screen title={t(`lists.${name}`)}>
      {name === "starred" ? <Starred /> : name === "calls" ? <Calls /> : <Contacts />}
    </Screen>
  );
}

function Listed({
  isPending,
  isEmpty,
  empty,
  children,
  more,
}: {
  isPending: boolean;
  isEmpty: boolean;
  empty: string;
  children: ReactNode;
  more: (() => void) | null;
}) {
  if (isPending) return <LoadingSpinner />;
  if (isEmpty) return <EmptyState title={empty} />;
  return (
    <section>
      <ul className="people">{children}</ul>
      <MoreButton more={more} />
    </section>
  );
}

function Starred() {
  const { items, isPending, more } = usePages(["starred"], (before) => messenger.rest.starred(before), 0);
  useAnew(["starred"], ["message.starred"]);
  return (
    <Listed isPending={isPending} isEmpty={items.length === 0} empty={t("lists.starred.none")} more={more}>
      {items.map((message) => (
        <FoundMessage key={message.id} message={message} />
      ))}
    </Listed>
  );
}

function Calls() {
  const { items, isPending, more } = usePages(["calls"], (before) => messenger.rest.calls(before), 0);
  useAnew(["calls"], ["call.ended", "call.declined", "call.ringing"]);
  return (
    <Listed isPending={isPending} isEmpty={items.length === 0} empty={t("lists.calls.none")} more={more}>
      {items.map((call) => (
        <CallLine key={call.id} call={call} />
      ))}
    </Listed>
  );
}

function CallLine({ call }: { call: Call }) {
  const conversation = useMessaging((state) => state.conversations[call.conversation_id]);
  const [reporting, setReporting] = useState(false);
  useEffect(() => {
    void messenger.conversation(call.conversation_id).catch(() => {});
  }, [call.conversation_id]);
  const isOwn = call.direction === "outgoing";
  const other = isOwn ? call.callee : call.caller;
  const wasMissed = !isOwn && call.status === "missed";
  const Sign = isOwn ? PhoneOutgoing : wasMissed ? PhoneMissed : PhoneIncoming;
  return (
    <li>
      <Sign
        role="img"
        aria-label={t(isOwn ? "calls.outgoing" : wasMissed ? "calls.missed" : "calls.incoming")}
      />
      <button type="button" className="found" onClick={() => go(threadPath(call.conversation_id))}>
        <span className="text">
          <bdi className="name">{other?.name}</bdi>
          <span className="preview">
            {t(`calls.${call.call_type}`)}, {formatFull(call.created_at)}
            {call.duration_seconds ? `, ${clockText(call.duration_seconds)}` : ""}
          </span>
        </span>
      </button>
      <span className="ways">
        {conversation ? (
          <CallInitiationButtons conversation={conversation} name={other?.name ?? ""} isOffline={false} />
        ) : null}
        {isOwn ? null : (
          <button type="button" onClick={() => setReporting(true)}>
            {t("message.report")}
          </button>
        )}
      </span>
      <Suspense fallback={null}>
        {reporting ? <ReportDialog what={{ call_id: call.id }} onClose={() => setReporting(false)} /> : null}
      </Suspense>
    </li>
  );
}

function Contacts() {
  const key = ["contacts"];
  const { items, isPending, more } = usePages(key, (after) => messenger.rest.contacts(after), 0);
  useAnew(key, ["user.updated"]);
  const run = (what: () => Promise<unknown>) =>
    void attempt(async () => {
      await what();
      await readAnew(queries, { queryKey: key });
    });
  return (
    <>
      <PeoplePicker
        onUser={(user) => run(() => messenger.rest.addContact({ user_id: user.id }))}
        onJid={(jid) => run(() => messenger.rest.addContact({ jid }))}
      />
      <Listed isPending={isPending} isEmpty={items.length === 0} empty={t("lists.contacts.none")} more={more}>
        {items.map((contact) => (
          <ContactLine key={contact.user.id} contact={contact} run={run} />
        ))}
      </Listed>
    </>
  );
}

function ContactLine({ contact, run }: { contact: Contact; run: (what: () => Promise<unknown>) => void }) {
  const { user, subscription, ask, pending, note, groups } = contact;
  const [naming, setNaming] = useState(false);
  const name = contact.name ?? user.name;
  const sees = subscription === "both" || subscription === "to";
  const talk = () =>
    void attempt(async () => go(threadPath((await messenger.talkTo({ participant_id: user.id })).id)));
  return (
    <li>
      <UserAvatar name={name} picture={user.avatar_url} size="small" />
      <button type="button" className="found" onClick={talk}>
        <span className="text">
          <bdi className="name">{name}</bdi>
          <span className="preview">
            {[...new Set([...(contact.name ? [user.name] : []), ...groups])].map((word) => (
              <bdi key={word}>{word} · </bdi>
            ))}
            {pending ? t("contacts.pending") : ask ? t("contacts.asked") : t(`contacts.${subscription}`)}
            {pending && note ? `: ${note}` : ""}
          </span>
        </span>
      </button>
      {pending || !(sees || ask) ? (
        <button type="button" onClick={() => run(() => messenger.rest.addContact({ user_id: user.id }))}>
          {t(pending ? "thread.accept" : "contacts.ask")}
        </button>
      ) : null}
      <button type="button" aria-label={`${t("contacts.rename")}: ${name}`} onClick={() => setNaming(true)}>
        {t("contacts.rename")}
      </button>
      <button
        type="button"
        className="danger"
        aria-label={`${t("contacts.remove")}: ${name}`}
        onClick={() => run(() => messenger.rest.removeContact(user.id))}
      >
        {t("contacts.remove")}
      </button>
      {naming ? <Naming contact={contact} run={run} onClose={() => setNaming(false)} /> : null}
    </li>
  );
}

/** What one calls somebody, and in which groups. */
function Naming({
  contact,
  run,
  onClose,
}: {
  contact: Contact;
  run: (what: () => Promise<unknown>) => void;
  onClose: () => void;
}) {
  const { user } = contact;
  const [name, setName] = useState(contact.name ?? "");
  const [groups, setGroups] = useState(contact.groups.join("\n"));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const lines = groups.split("\n").map((line) => line.trim());
    run(async () => {
      await messenger.rest.updateContact(user.id, {
        name: name.trim() || null,
        groups: [...new Set(lines)].filter((line) => line !== ""),
      });
      onClose();
    });
  };
  return (
    <Dialog title={`${t("contacts.rename")}: ${user.name}`} onClose={onClose}>
      <form onSubmit={submit}>
        <label>
          {t("contacts.name")}
          <input
            value={name}
            maxLength={255}
            placeholder={user.name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label>
          {t("contacts.groups")}
          <textarea rows={3} value={groups} onChange={(event) => setGroups(event.target.value)} />
        </label>
        <button type="submit" className="primary">
          {t("save")}
        </button>
      </form>
    </Dialog>
  );
}
