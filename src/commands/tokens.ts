import type { Config } from "../config/load.ts";
import type { TokenStanding } from "../control/token-commands.ts";
import { UsageError } from "../errors.ts";
import { type EndedClaim, endedClaimNames } from "../revocation/ended-claims.ts";
import {
  configFile,
  configOptionHelp,
  readArguments,
  readCredentialArgument,
} from "./arguments.ts";
import { type Command, type CommandIo, complain, type ExitCode, exitCodes, print } from "./io.ts";
import { only } from "./only.ts";
import { withStore } from "./with-store.ts";

const tokenOptions = {
  file: { type: "string", short: "f" },
  opaque: { type: "boolean" },
} as const;

const tokenHelp = `The token is read from standard input, or from a file with --file. It can be given as an argument
too, but then it stays in the shell's history and in the process list.

Works through the running revgate of the configuration's data directory; if none is running, the
store is opened directly.

Options:
  -f, --file FILE     read the token from FILE
      --opaque        take a text that is no JWT of an issuer's for a token, such as a refresh token: for rules
                      with tokens: opaque
${configOptionHelp}`;

async function askAbout(command: "revoke" | "check", args: readonly string[], io: CommandIo) {
  const { values, positionals } = readArguments(args, tokenOptions, 1);
  const credential = await readCredentialArgument(values, positionals[0], io);
  const { opaque = false } = values;
  return withStore(configFile(values, io), io, async (ask, config) => {
    const standing = (await only(ask({ command, credential, opaque }))) as TokenStanding;
    return { standing, passes: !opaque && passesUnread(config) };
  });
}

/** Whether some rules let texts pass that are no valid tokens. */
function passesUnread({ settings: { routes } }: Config): boolean {
  return routes.some(({ tokens, alsoRevoke }) => tokens === "opaque" || alsoRevoke !== undefined);
}

const tryOpaque =
  "some rules take any text for a token (tokens: opaque, alsoRevoke): with --opaque, it is one for them";

function until({ expiresAt }: TokenStanding): string {
  return new Date((expiresAt ?? 0) * 1000).toISOString();
}

const claimOptions = {
  subject: { type: "string" },
  sid: { type: "string" },
  jti: { type: "string" },
  issuer: { type: "string" },
} as const;

interface Whose {
  readonly claim: EndedClaim;
  readonly value: string;
  readonly issuer: string | undefined;
  readonly values: { readonly config?: string | undefined };
}

/** What is to end by one of its claims; undefined where a token is meant. */
function readWhose(args: readonly string[]): Whose | undefined {
  if (!args.some((arg) => /^--(?:subject|sid|jti|issuer)\b/.test(arg))) return undefined;
  const { values } = readArguments(args, claimOptions, 0);
  const named = endedClaimNames.filter((claim) => values[claim] !== undefined);
  const [claim, ...more] = named;
  if (claim === undefined || more.length > 0) {
    throw new UsageError("expected one of --subject, --sid and --jti");
  }
  return { claim, value: values[claim] ?? "", issuer: values.issuer, values };
}

async function endWhat({ values, issuer, ...whose }: Whose, io: CommandIo): Promise<ExitCode> {
  const command = { command: "end", ...whose, ...(issuer !== undefined && { issuer }) } as const;
  const ended = await withStore(configFile(values, io), io, (ask) => only(ask(command)));
  const { kind, id, expiresAt, warning } = ended as {
    readonly kind: string;
    readonly id: string;
    readonly expiresAt: number;
    readonly warning?: string;
  };
  print(io, `revoked until ${new Date(expiresAt * 1000).toISOString()}: ${kind}:${id}`);
  if (warning !== undefined) complain(io, `warning: ${warning}`);
  return exitCodes.done;
}

/** `revgate revoke`. */
export const revoke: Command = {
  help: `Usage: revgate revoke [--config FILE] [--file FILE | TOKEN] < token
       revgate revoke [--config FILE] --subject NAME | --sid ID | --jti ID [--issuer ISSUER]

Revokes a token, as a logout would. Exits 0 if it is revoked (or had expired), 1 if it is not valid: a
token with a wrong signature is refused anyway.

With --subject it revokes all tokens of a subject that were issued until now, with --sid those of a
session, with --jti the token with that id. If several issuers are configured, --issuer names one.

${tokenHelp}`,

  async run(args, io) {
    const whose = readWhose(args);
    if (whose !== undefined) return endWhat(whose, io);
    const { standing, passes } = await askAbout("revoke", args, io);
    if (standing.standing === "invalid") {
      const { reason = "it is not one of ours" } = standing;
      const consequence = passes ? tryOpaque : "so revgate refuses it anyway";
      complain(io, `not revoked: the token is not valid, ${consequence} (${reason})`);
      return exitCodes.failed;
    }
    const message =
      standing.standing === "expired"
        ? `expired at ${until(standing)}: noted, in case this machine's clock is ahead`
        : `revoked until ${until(standing)}: tok:${standing.id}`;
    print(io, message);
    return exitCodes.done;
  },
};

/** `revgate check`. */
export const check: Command = {
  help: `Usage: revgate check [--config FILE] [--file FILE | TOKEN] < token

Prints live, revoked, expired or invalid, and why it is revoked or invalid. Exits 0 for a live token, 1 for any other.

${tokenHelp}`,

  async run(args, io) {
    const { standing, passes } = await askAbout("check", args, io);
    const end = standing.expiresAt === undefined ? "" : ` exp ${until(standing)}`;
    const detail = standing.id === undefined ? "" : ` tok:${standing.id}${end}`;
    const why = standing.reason === undefined ? "" : ` (${standing.reason})`;
    print(io, `${standing.standing}${detail}${why}`);
    if (standing.standing === "invalid" && passes) complain(io, tryOpaque);
    return standing.standing === "live" ? exitCodes.done : exitCodes.failed;
  },
};
