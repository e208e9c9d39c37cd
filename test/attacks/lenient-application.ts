import type { IncomingMessage } from "node:http";

/**
 * The token that an application goes by which reads as leniently as any framework: from Authorization, behind
 * whatever looks like a scheme, else from a cookie, else from the header `token`.
 */
export function tokenRead({ headers }: IncomingMessage): string | undefined {
  return (
    behindAnything(headers.authorization) ?? cookieRead(headers.cookie) ?? one(headers["token"])
  );
}

/** Whatever is in front of what looks like a JWT. */
function behindAnything(authorization: string | undefined): string | undefined {
  return /eyJ[\w-]+\.[\w-]+\.[\w-]+$/.exec(authorization ?? "")?.[0];
}

function cookieRead(cookies: string | undefined): string | undefined {
  return /(?:^|[;,\s"])session=([^;,\s"]+)/i.exec(decodeURIComponent(cookies ?? ""))?.[1];
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The refresh token that it goes by: in JSON, under its name in any letter case, or in a form; within a list, too. */
export function refreshTokenRead(body: string): string | undefined {
  const pairs = body.startsWith("{")
    ? Object.entries(JSON.parse(body) as Record<string, unknown>)
    : [...new URLSearchParams(body)];
  const isMeant = (name: string) => /^refresh_token(?:\[\])?$/i.test(name);
  const [, value] = pairs.find(([name]) => isMeant(name)) ?? [];
  return value === undefined ? undefined : String(value);
}
