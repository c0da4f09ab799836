// SPDX-License-Identifier: GPL-3.0-or-later
// Lists of which the server gives a page at a time.
import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import type { Page } from "../../client/types";
import { t } from "../../i18n";

type Read<T> = (from: string | undefined, signal: AbortSignal) => Promise<Page<T>>;

/** The items so far, and `more` for the next page if there is one. STALE_TIME, ENABLED: as of useQuery. */
export function usePages<T>(queryKey: QueryKey, read: Read<T>, staleTime?: number, enabled = true) {
  const pages = useInfiniteQuery({
    queryKey,
    enabled,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => (page.has_more ? (page.next ?? undefined) : undefined),
    ...(staleTime === undefined ? {} : { staleTime }),
  });
  return {
    items: pages.data?.pages.flatMap((page) => page.items) ?? [],
    isPending: enabled && pages.isPending,
    more: pages.hasNextPage ? () => void pages.fetchNextPage() : null,
  };
}

export function MoreButton({ more }: { more: (() => void) | null }) {
  return more ? (
    <button type="button" onClick={more}>
      {t("more")}
    </button>
  ) : null;
}
