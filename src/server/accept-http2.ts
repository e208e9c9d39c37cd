import { clientNetwork } from "../gateway/client-address.ts";
import type { Gate } from "../gateway/gate.ts";
import { recordUnread } from "../gateway/record.ts";
import { refuse } from "../gateway/refuse.ts";
import { beginVisit } from "../gateway/visit.ts";
import { HeaderList } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import { networkOf } from "../platform/network.ts";
import type { Http2Limits } from "./http2-connection.ts";
import { Http2Connections } from "./http2-connections.ts";

/** Has requests of HTTP/2 go the way of all others, which `handle` is the beginning of. */
export function acceptHttp2(
  currentGate: () => Gate,
  limits: () => Http2Limits,
  handle: (request: ClientRequest, answer: Answer) => void,
): Http2Connections {
  return new Http2Connections(limits, {
    handle,
    networkOf(socket, fields) {
      const peer = currentGate().readPeer(socket);
      if (!peer.trusted) return networkOf(peer.address);
      return clientNetwork({ peer, headers: new HeaderList(fields) });
    },
    isShared: (socket) => currentGate().readPeer(socket).trusted,
    refuseTooLarge(request, answer) {
      const gate = currentGate();
      refuse(gate, beginVisit(gate, request, answer), answer, "request_too_large");
    },
    onStall: (stall) => currentGate().metrics.stalledClients[stall].inc(),
    onFault(fault, socket, cause) {
      const gate = currentGate();
      const peer = gate.readPeer(socket).address;
      gate.metrics.http2Faults[fault].inc();
      // As what Node's parser of HTTP/1.1 gives up.
      if (fault === "protocol") recordUnread(gate, "request_ambiguous", { peer, cause });
      else gate.log.http2Fault(peer, cause);
    },
    onUncaught: (error) => currentGate().onUncaught("clients", error),
  });
}
