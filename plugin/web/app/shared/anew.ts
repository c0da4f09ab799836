// SPDX-License-Identifier: GPL-3.0-or-later
// What was read by requests is read again once it is otherwise. An answer that is on its way by then may be of a time before.
import type { Query, QueryClient, QueryFilters, QueryKey } from "@tanstack/react-query";

const early = new WeakMap<Query, Promise<void>>();

/** Behind the first answer, which React Query waits for and then takes for new; once, however much happens meanwhile. */
function readOnceMore(queries: QueryClient, query: Query): Promise<void> {
  const running = early.get(query);
  if (running) return running;
  const run = query
    .fetch()
    .then(
      () => true,
      () => false,
    )
    .then((isRead) => {
      early.delete(query);
      return isRead ? queries.invalidateQueries({ predicate: (one) => one === query }) : undefined;
    });
  early.set(query, run);
  return run;
}

/** What the filters name has changed. Ends when what is on the screen of it is as it is now. */
export async function readAnew(queries: QueryClient, filters: QueryFilters): Promise<void> {
  const first = queries
    .getQueryCache()
    .findAll({ ...filters, fetchStatus: "fetching" })
    .filter(({ state }) => state.data === undefined);
  await Promise.all([
    queries.invalidateQueries(filters),
    ...first.map((query) => readOnceMore(queries, query)),
  ]);
}

/** The server has told what KEY is now. */
export function takeTold(queries: QueryClient, queryKey: QueryKey, value: unknown): void {
  queries.setQueryData(queryKey, value);
  if (queries.isFetching({ queryKey, exact: true })) void readAnew(queries, { queryKey, exact: true });
}
