import { isSameData } from "../platform/same-data.ts";
import type { Config } from "./load.ts";
import type { Settings } from "./schema.ts";
import { isGrpcForm } from "./settings/decisions.ts";

/** A changed configuration as far as it can take effect while revgate runs. */
export interface Reloadable {
  readonly config: Config;
  /** The settings that were changed and stay what they are until a restart, by name. */
  readonly needRestart: readonly string[];
}

/** What sockets, buffers and the store were made with: by name, how it stands in the settings. */
const fixed: Readonly<Record<string, (settings: Settings) => unknown>> = {
  "listen.host": ({ listen }) => listen.host,
  "listen.port": ({ listen }) => listen.port,
  "listen.http2": ({ listen }) => listen.http2,
  "listen.tls": ({ listen }) => listen.tls !== undefined,
  "listen.tls.clientCaFile": ({ listen }) => listen.tls?.clientCaFile !== undefined,
  server: ({ server }) => server,
  "limits.headerBytes": ({ limits }) => limits.headerBytes,
  "admin.host": ({ admin }) => admin.host,
  "admin.port": ({ admin }) => admin.port,
  "decisions.host": ({ decisions }) => decisions?.host,
  "decisions.port": ({ decisions }) => decisions?.port,
  "decisions.tls": ({ decisions }) => decisions?.tls !== undefined,
  "decisions.tls.clientCaFile": ({ decisions }) => decisions?.tls?.clientCaFile !== undefined,
  // Over which protocol they ask; of HTTP, the form may change.
  "decisions.question": ({ decisions }) => protocolOf(decisions),
  denylist: ({ denylist }) => denylist,
};

/** Puts what can't be changed in `running` back into `next`. */
export function keepFixed(running: Config, next: Config): Reloadable {
  const [is, asked] = [running.settings, next.settings];
  const needRestart = Object.entries(fixed).flatMap(([name, read]) =>
    isSameData(read(is), read(asked)) ? [] : [name],
  );
  const { host, port, http2 } = is.listen;
  const tls = keepTls(running, next);
  const settings: Settings = {
    ...asked,
    listen: { ...asked.listen, host, port, http2, tls: tls.settings },
    server: is.server,
    admin: { ...asked.admin, host: is.admin.host, port: is.admin.port },
    limits: { ...asked.limits, headerBytes: is.limits.headerBytes },
    decisions: keepDecisions(is, asked),
    denylist: is.denylist,
  };
  const files = {
    ...next.files,
    tls: tls.files,
    decisionsTls: hasSameTls(is, asked) ? next.files.decisionsTls : running.files.decisionsTls,
    // What the same files hold may change: passwords, certificates.
    redis: isSameData(is.denylist, asked.denylist) ? next.files.redis : running.files.redis,
    nameKeys: running.files.nameKeys,
  };
  return { config: { ...next, settings, files }, needRestart };
}

/** TLS as asked for, but whether there is any, and whether clients are asked for certificates. */
function keepTls(running: Config, next: Config) {
  const [is, asked] = [running.settings.listen.tls, next.settings.listen.tls];
  const [files, newFiles] = [running.files.tls, next.files.tls];
  if (is === undefined || asked === undefined || newFiles === undefined) {
    return { settings: is, files };
  }
  const { clientCaFile, clientCertificates } = is;
  if ((clientCaFile === undefined) === (asked.clientCaFile === undefined)) {
    return { settings: asked, files: newFiles };
  }
  return {
    settings: { ...asked, clientCaFile, clientCertificates },
    files: { ...newFiles, clientCa: files?.clientCa },
  };
}

/** Who may ask, and how, as asked for; whether there is a port for it, and which, stays. */
function keepDecisions({ decisions: is }: Settings, { decisions: asked }: Settings) {
  if (is === undefined || asked === undefined) return is;
  const question = protocolOf(is) === protocolOf(asked) ? asked.question : is.question;
  const tls = hasSameTls({ decisions: is }, { decisions: asked }) ? asked.tls : is.tls;
  return { ...asked, host: is.host, port: is.port, question, tls };
}

/** Whether there is TLS for gateways in both, and certificates are asked of them in both, or in neither. */
function hasSameTls(
  { decisions: is }: Pick<Settings, "decisions">,
  { decisions: asked }: Pick<Settings, "decisions">,
): boolean {
  const form = (tls: NonNullable<Settings["decisions"]>["tls"]) => [
    tls !== undefined,
    tls?.clientCaFile !== undefined,
  ];
  return isSameData(form(is?.tls), form(asked?.tls));
}

function protocolOf(decisions: Settings["decisions"]): string | undefined {
  if (decisions === undefined) return undefined;
  return isGrpcForm(decisions.question) ? decisions.question : "http";
}
