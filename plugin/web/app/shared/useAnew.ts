// SPDX-License-Identifier: GPL-3.0-or-later
import type { QueryKey } from "@tanstack/react-query";
import { useEffect } from "react";
import { messenger, queries } from "../client";
import { readAnew } from "./anew";

/** What begins with KEY is read anew whenever the server tells one of TYPES. */
export function useAnew(key: QueryKey, types: string[]): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: key and types are spelled out
  useEffect(() => {
    const anew = () => void readAnew(queries, { queryKey: key });
    const ends = types.map((type) => messenger.socket.on(type, anew));
    return () => {
      for (const end of ends) end();
    };
  }, [key.join(" "), types.join(" ")]);
}
