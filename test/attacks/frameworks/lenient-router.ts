import type { IncomingHttpHeaders } from "node:http";

/**
 * A router that forgives everything that some server has been seen to forgive: path parameters
 * (servlet containers), encoded slashes and dots, `\` for `/`
 * (IIS, WHATWG URLs), dot segments, `//`, letter case, trailing slashes and dots, a NUL that ends the
 * path (C), double decoding, and overlong UTF-8.
 */
export const lenientRouter = {
  methodOf(method: string, headers: IncomingHttpHeaders): string {
    const names = ["x-http-method-override", "x-http-method", "x-method-override"];
    const other = names.flatMap((name) => [headers[name], headers[name.replaceAll("-", "_")]]);
    const named = other.find((value) => typeof value === "string" && value !== "");
    return String(named ?? method).toUpperCase();
  },

  pathOf(target: string): string {
    const [path = ""] = target.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
    let text = decodeTwice(path);
    text = text.replace(/[\0#?].*$/s, "").replaceAll("\\", "/");
    text = text.replace(/;[^/]*/g, "").replace(/\/+/g, "/");
    text = withoutDotSegments(text);
    text = text.replace(/[\s.]+(?=\/|$)/g, "").toLowerCase();
    return text.length > 1 ? text.replace(/\/+$/, "") || "/" : text;
  },
};

function decodeTwice(path: string): string {
  let text = path;
  for (let i = 0; i < 2; i += 1) {
    text = text
      .replace(/%c0%af|%e0%80%af/gi, "/")
      .replace(/%c0%ae|%e0%80%ae/gi, ".")
      .replace(/%u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return text;
}

function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/").slice(1)) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}
