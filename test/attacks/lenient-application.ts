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
