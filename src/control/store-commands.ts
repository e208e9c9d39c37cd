import { isRevocation } from "../denylist/denylist.ts";
import { ControlError } from "../errors.ts";
import type { ControlHandler } from "./command-server.ts";
import { end } from "./end-command.ts";
import { explain } from "./explain-command.ts";
import { readCommand } from "./read-command.ts";
import { countSessions } from "./sessions-command.ts";
import type { StoreCommandsOptions } from "./store-command.ts";
import { check, introspect, revokeToken } from "./token-commands.ts";

/** Makes the handler of the commands, for the control socket, the admin API and a store opened by hand. */
export function createStoreCommands(options: StoreCommandsOptions): ControlHandler {
  const { denylist } = options;
  return async function* handle(request) {
    const data = readCommand(request);
    switch (data.command) {
      case "revoke":
        return yield await revokeToken(options, data);
      case "check":
        return yield await check(options, data.credential, data.opaque);
      case "explain":
        return yield await explain(options, data.credential);
      case "introspect":
        return yield await introspect(options, data.credential);
      case "end":
        return yield await end(options, data);
      case "sessions":
        return yield await countSessions(options, data);
      case "add":
        await denylist.revoke(data.entries);
        options.onRevoked("import", data.entries);
        return yield { added: data.entries.length };
      case "drain":
        return yield drain(options);
      case "list":
        for await (const entry of denylist.entries()) if (isRevocation(entry.kind)) yield entry;
    }
  };
}

function drain({ drain: begin }: StoreCommandsOptions): { readonly connections: number } {
  if (begin === undefined) throw new ControlError("no revgate is running on this data directory");
  return { connections: begin() };
}
