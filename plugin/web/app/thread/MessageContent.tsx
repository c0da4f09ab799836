// SPDX-License-Identifier: GPL-3.0-or-later
// What a message says. No HTML is made of it, ever: text is text, and links and mentions are elements around parts of it.
import { memo, type ReactNode } from "react";
import { useStore } from "zustand";
import type { Row } from "../../client/thread";
import { languageName, plural, t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { LinkCard } from "../shared/LinkCard";
import { findLinks } from "../shared/links";
import { wordsOf } from "../shared/preview";
import { translationKey, translations } from "../stores/translations";

type Mention = { user_id?: string; start: number; end: number };
type Mark = { start: number; end: number; make: (text: string, key: number) => ReactNode };

export const MessageContent = memo(function MessageContent({ message }: { message: Row }) {
  if (message.deleted_at) return <p className="body deleted">{t("thread.deleted")}</p>;
  const metadata = (message.metadata ?? {}) as { poll?: PollData; location?: Place };
  if (message.message_type === "poll" && metadata.poll)
    return <Poll message={message} poll={metadata.poll} />;
  if (message.message_type === "location" && metadata.location) return <Location place={metadata.location} />;
  if (!message.content && message.attachments?.length) return null;
  const text = wordsOf(message);
  const isOnlyEmoji =
    /^(\p{Extended_Pictographic}|\p{Emoji_Component}|\u200d|\ufe0f|\s){1,12}$/u.test(text) &&
    /\p{Extended_Pictographic}/u.test(text);
  return (
    <>
      <p className={`body ${isOnlyEmoji ? "large" : ""}`} dir="auto">
        {marked(text, message.mentions as Mention[])}
      </p>
      {message.link_preview ? <LinkCard preview={message.link_preview} /> : null}
      <Translated message={message} />
    </>
  );
});

function Translated({ message }: { message: Row }) {
  const found = useStore(translations, (all) => all[translationKey(message)]);
  if (!found) return null;
  const language = found.source_language ? languageName(found.source_language) : null;
  return (
    <div className="translated">
      <p className="note">
        {language ? t("translation.from", { language }) : t("translation.title")}
        {found.provider ? ` · ${found.provider}` : ""}
      </p>
      <p className="body" dir="auto" lang={found.language}>
        {found.content}
      </p>
    </div>
  );
}

function marked(text: string, mentions: Mention[]): ReactNode[] {
  const marks = [...links(text), ...mentionMarks(text, mentions)].sort((a, b) => a.start - b.start);
  const parts: ReactNode[] = [];
  let at = 0;
  marks.forEach((mark, i) => {
    if (mark.start < at) return;
    parts.push(text.slice(at, mark.start), mark.make(text.slice(mark.start, mark.end), i));
    at = mark.end;
  });
  parts.push(text.slice(at));
  return parts;
}

function links(text: string): Mark[] {
  return findLinks(text).map((link) => ({
    start: link.index,
    end: link.lastIndex,
    make: (shown, key) => (
      <a key={`link ${key}`} href={link.url} target="_blank" rel="noopener noreferrer nofollow">
        {shown}
      </a>
    ),
  }));
}

/** Mentions count in code points, strings in code units. */
function mentionMarks(text: string, mentions: Mention[]): Mark[] {
  if (mentions.length === 0) return [];
  const offsets: number[] = [0];
  for (const character of text) offsets.push(offsets[offsets.length - 1]! + character.length);
  return mentions
    .filter((mention) => mention.start < mention.end && mention.end < offsets.length)
    .map((mention) => ({
      start: offsets[mention.start]!,
      end: offsets[mention.end]!,
      make: (shown, key) => <MentionText key={`mention ${key}`} user={mention.user_id} text={shown} />,
    }));
}

function MentionText({ user, text }: { user?: string; text: string }) {
  const me = useMessaging((state) => state.me);
  return <mark className={user === me?.id ? "mention me" : "mention"}>{text}</mark>;
}

// ---- Polls and places

type PollData = {
  question: string;
  options: { id: number; text: string; votes: number; me?: boolean }[];
  multiple: boolean;
  closed: boolean;
  voters: number;
};

function Poll({ message, poll }: { message: Row; poll: PollData }) {
  const me = useMessaging((state) => state.me);
  const most = Math.max(1, poll.voters ?? 0);
  const vote = (id: number) => {
    const mine = poll.options.filter((option) => option.me).map((option) => option.id);
    const chosen = poll.multiple
      ? mine.includes(id)
        ? mine.filter((other) => other !== id)
        : [...mine, id]
      : mine.includes(id)
        ? []
        : [id];
    void attempt(() => messenger.vote(message, chosen as never));
  };
  const options = poll.options.map((option, i) =>
    typeof option === "string" ? { id: i + 1, text: option as string, votes: 0, me: false } : option,
  );
  return (
    <fieldset className="poll" disabled={poll.closed || !!message.pending}>
      <legend dir="auto">{poll.question}</legend>
      {options.map((option) => (
        <button
          key={option.id}
          type="button"
          className="option"
          aria-pressed={!!option.me}
          onClick={() => vote(option.id)}
        >
          <span dir="auto">{option.text}</span>
          <meter min={0} max={most} value={option.votes} aria-hidden="true" />
          <span className="votes">{plural("message.poll.votes", option.votes)}</span>
        </button>
      ))}
      {poll.closed ? <p className="note">{t("message.poll.closed")}</p> : null}
      {!poll.closed && message.sender_id === me?.id && !message.pending ? (
        <button
          type="button"
          className="plain"
          onClick={() => void attempt(() => messenger.rest.closePoll(message.id))}
        >
          {t("message.poll.close")}
        </button>
      ) : null}
    </fieldset>
  );
}

type Place = { lat: number; lon: number; label?: string; live?: boolean };

/** A link, no map: a map would tell another service who is where. */
function Location({ place }: { place: Place }) {
  const { lat, lon, label } = place;
  return (
    <p className="body">
      <a
        href={`https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=16/${lat}/${lon}`}
        target="_blank"
        rel="noopener noreferrer"
      >
        📍 <bdi>{label ?? t("message.location")}</bdi>{" "}
        <bdi dir="ltr">
          ({lat.toFixed(4)}, {lon.toFixed(4)})
        </bdi>
      </a>
    </p>
  );
}
