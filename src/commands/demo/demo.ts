import { readArguments } from "../arguments.ts";
import { type Command, type CommandIo, exitCodes, print } from "../io.ts";
import { type DemoSetup, startDemo } from "./setup.ts";
import { walkThrough } from "./walk.ts";

/** `revgate demo`. */
export const demo: Command = {
  help: `Usage: revgate demo [--stay]

Makes a key pair, starts a small application that knows nothing of revocation and a revgate in front
of it, and walks through login, call, logout and the call that is then refused, printing every HTTP
exchange. Needs Node alone; everything is in a temporary directory and gone afterwards.

Exits 0 only if every step came out as it says.

Options:
      --stay          leave both running, and print commands to try, until Ctrl-C`,

  async run(args, io) {
    const { values } = readArguments(args, { stay: { type: "boolean" } }, 0);
    // From here on: Ctrl-C at any time ends the two programs as well.
    const terminated = io.waitForTermination();
    const setup = await startDemo(io);
    try {
      const wentWell = await Promise.race([walkThrough(setup, io), terminated.then(() => false)]);
      print(io, wentWell ? "\nEvery step came out as it says." : "\nA step came out differently.");
      if (values.stay) {
        explain(setup, io);
        await terminated;
      }
      return wentWell ? exitCodes.done : exitCodes.failed;
    } finally {
      await setup.close();
    }
  },
};

function explain(setup: DemoSetup, io: CommandIo): void {
  print(
    io,
    `
Both are still running. Try:

  TOKEN=$(curl -s ${setup.gateUrl}/login -H 'Content-Type: application/json' \\
    -d '{"user":"bob","password":"builder"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  curl -i ${setup.gateUrl}/orders -H "token: $TOKEN"
  curl -i -X POST ${setup.gateUrl}/logout -H "token: $TOKEN"
  curl -i ${setup.gateUrl}/orders -H "token: $TOKEN"
  curl -i ${setup.applicationUrl}/orders -H "token: $TOKEN"   # past revgate: still 200
  curl -s ${setup.adminUrl}/metrics | grep ^revgate_

Ctrl-C ends both.`,
  );
}
