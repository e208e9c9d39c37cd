import type { KeepBytes } from "../platform/byte-budget.ts";
import { networkOf } from "../platform/network.ts";
import { clientAddress } from "./client-address.ts";
import type { Visit } from "./visit.ts";

/** The limits on messages that have begun. */
export interface MessageLimits {
  readonly keepMessageBytes: KeepBytes;
  /** How long a client may send nothing of one, in milliseconds. */
  readonly receiveTimeoutMs: number;
}

/** Together half messages take about this much, and twice as much while they grow. */
export const maxBytesOfMessages = 64 * 1024 * 1024;

/** Why a message that has begun has to go. */
export type BegunEnd = "request_timeout" | "checks_busy";

/** Follows what is kept of one WebSocket's messages that are not whole; `end` when it closes. */
export function watchBegun(
  { keepMessageBytes, receiveTimeoutMs }: MessageLimits,
  { peer, headers }: Visit,
  onEnd: (why: BegunEnd) => void,
): { readonly tell: (bytes: number) => void; readonly end: () => void } {
  const network = networkOf(clientAddress(peer, headers) ?? peer.address);
  const held = keepMessageBytes(network, () => onEnd("checks_busy"));
  let timer: NodeJS.Timeout | undefined;
  return {
    tell(bytes) {
      held.hold(bytes);
      if (bytes === 0) {
        clearTimeout(timer);
        timer = undefined;
      } else if (timer === undefined) {
        timer = setTimeout(() => onEnd("request_timeout"), receiveTimeoutMs);
      } else timer.refresh();
    },
    end() {
      clearTimeout(timer);
      held.end();
    },
  };
}
