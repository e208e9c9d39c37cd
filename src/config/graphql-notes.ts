import type { Note } from "./note.ts";
import type { Settings } from "./schema.ts";

/** Where GraphQL's answers hand tokens out, their clients say: by aliases, and by batches of requests. */
export function notesOnGraphql({ routes }: Pick<Settings, "routes">): Note[] {
  return routes.flatMap(({ path, handsOut = [] }, index) => {
    const isRead = handsOut.some(({ responseJson }) => responseJson !== undefined);
    if (!isRead || !/graphql/i.test(path)) return [];
    const message =
      "clients of GraphQL choose where an answer has its tokens (aliases, batches): tokens elsewhere than handsOut says are in no session, and an opaque one outlives the logout and the changed password; let clients log in by another endpoint, or by a server that takes no aliases and no batches";
    return [{ path: ["routes", index, "handsOut"], message }];
  });
}
