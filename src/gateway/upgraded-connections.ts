/** One that is open; `leave` has both ends close it. */
interface Upgraded {
  readonly leave: () => void;
}

/** The WebSocket connections that are open, with a token or without, so that they can be ended well. */
export interface UpgradedConnections {
  /** Takes note of one; returns a function to call when it has closed. */
  add(upgraded: Upgraded): () => void;
  /** Has those that are open now close. A client that comes again meanwhile is served. */
  leave(): void;
  /** The same, and has every later one close as soon as it is open. */
  close(): void;
}

/** Makes the list of open WebSocket connections. */
export function createUpgradedConnections(): UpgradedConnections {
  const open = new Set<Upgraded>();
  let closing = false;
  const leave = () => {
    for (const { leave: leaveOne } of [...open]) leaveOne();
  };
  return {
    add(upgraded) {
      open.add(upgraded);
      // Not before the handshake has been answered.
      if (closing) queueMicrotask(upgraded.leave);
      return () => open.delete(upgraded);
    },
    leave,
    close() {
      closing = true;
      leave();
    },
  };
}
