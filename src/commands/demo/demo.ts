import { readArguments } from "../arguments.ts";
import { type Command, type CommandIo, exitCodes, print } from "../io.ts";
import { painter } from "./paint.ts";
import { type DemoSetup, startDemo } from "./setup.ts";
import { tellStory } from "./story.ts";

/** `revgate demo`. */
export const demo: Command = {
  help: `Usage: revgate demo [--keep]

Starts a small application that knows nothing of revocation, and two sidecars in front of it that share a
Redis. Shows a logout at one sidecar that counts at the other, a WebSocket that is cut, a changed password
that ends every device, and a sidecar that is killed. Prints every exchange. Without redis-server or
valkey-server on the PATH it starts one sidecar. Everything is in a temporary directory and removed at the end.

Exits 0 only if every step came out as it says.

Options:
      --keep          leave everything running, and print the addresses and commands to try, until Ctrl-C`,

  async run(args, io) {
    const { values } = readArguments(args, { keep: { type: "boolean" } }, 0);
    // From here on: Ctrl-C at any time ends the other programs as well.
    const terminated = io.waitForTermination();
    const setup = await startDemo(io);
    try {
      const wentWell = await Promise.race([tellStory(setup, io), terminated.then(() => false)]);
      const paint = painter(io);
      const verdict = wentWell
        ? paint("good", "Every step came out as it says.")
        : paint("bad", "A step came out differently.");
      print(io, `\n${verdict}`);
      if (values.keep) {
        explain(setup, io);
        await terminated;
      }
      return wentWell ? exitCodes.done : exitCodes.failed;
    } finally {
      await setup.close();
    }
  },
};

/** The addresses of everything, and commands to try. */
function explain({ applicationUrl, redisUrl, sidecars }: DemoSetup, io: CommandIo): void {
  const [first, second = first] = sidecars;
  const addresses = [
    ["application", applicationUrl],
    ...sidecars.flatMap(({ url, adminUrl }, index) => {
      const name = sidecars.length === 1 ? "revgate" : `sidecar ${index + 1}`;
      return [
        [name, url],
        ["  status page", `${adminUrl}/`],
        ["  metrics", `${adminUrl}/metrics`],
      ];
    }),
    ...(redisUrl === undefined ? [] : [["Redis", redisUrl]]),
  ];
  const table = addresses.map(([name = "", address]) => `  ${name.padEnd(14)} ${address}`);
  print(
    io,
    `
Everything is still running:

${table.join("\n")}

Try:

  TOKEN=$(curl -s ${first.url}/login -H 'Content-Type: application/json' \\
    -d '{"user":"alice","password":"wonderland"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  curl -i ${second.url}/orders -H "token: $TOKEN"
  curl -i -X POST ${first.url}/logout -H "token: $TOKEN"
  curl -i ${second.url}/orders -H "token: $TOKEN"
  curl -i ${applicationUrl}/orders -H "token: $TOKEN"   # past revgate: still 200

Ctrl-C ends everything.`,
  );
}
