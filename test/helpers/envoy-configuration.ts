import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import protobuf from "protobufjs";

/** The package of Google's xDS client holds Envoy's published messages, extensions included. */
const published = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/grpc-js-xds/package.json")),
  "deps",
);
const folders = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"];

/** What configurations name by `@type`, beside what these import. */
const files = [
  "envoy/config/bootstrap/v3/bootstrap.proto",
  "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto",
  "envoy/extensions/filters/http/ext_proc/v3/ext_proc.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
];

const wrapped: Readonly<Record<string, string>> = {
  ...{ BoolValue: "bool", UInt32Value: "uint32", UInt64Value: "uint64", StringValue: "string" },
  ...{ DoubleValue: "double", FloatValue: "float", Int32Value: "int32", Int64Value: "int64" },
};

/** Says what a configuration, or the value of a message in one, has that Envoy's messages do not, and what it lacks. */
export type EnvoyCheck = (type: string, value: unknown) => string[];

/** Loads Envoy's messages. */
export function loadEnvoyMessages(): EnvoyCheck {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) =>
    folders.map((folder) => join(published, folder, target)).find(existsSync) ??
    join(dirname(createRequire(import.meta.url).resolve("protobufjs/package.json")), target);
  root.loadSync(files, { keepCase: true }).resolveAll();
  return (type, value) =>
    checkMessage(root, root.lookupType(type), value, type.replace(/.*\./, ""));
}

function checkMessage(
  root: protobuf.Root,
  type: protobuf.Type,
  value: unknown,
  at: string,
): string[] {
  const [, known = ""] = /^\.google\.protobuf\.(\w+)$/.exec(type.fullName) ?? [];
  if (known === "Any") return checkAny(root, value, at);
  if (known === "Struct" || known === "Value") return [];
  if (known === "Duration")
    return isA(/^\d+(\.\d+)?s$/.test(String(value)), at, "a duration", value);
  if (wrapped[known] !== undefined) return checkScalar(wrapped[known], value, at);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return isA(false, at, "a message", value);
  }
  const given = value as Readonly<Record<string, unknown>>;
  const of = (name: string) => type.fields[name];
  const more = Object.keys(given).filter((name) => of(name) === undefined);
  const twice = type.oneofsArray.filter(
    ({ oneof }) => oneof.filter((name) => name in given).length > 1,
  );
  const none = type.oneofsArray.filter(
    ({ oneof, options }) =>
      options?.["(validate.required)"] === true && !oneof.some((name) => name in given),
  );
  const lacking = type.fieldsArray.filter((field) => isRequired(field) && !(field.name in given));
  return [
    ...more.map((name) => `${at}.${name}: not in ${type.fullName}`),
    ...[...twice, ...none].map(({ oneof }) => `${at}: one of ${oneof.join(", ")}`),
    ...lacking.map(({ name }) => `${at}.${name}: required`),
    ...Object.entries(given).flatMap(([name, each]) => {
      const field = of(name);
      return field === undefined ? [] : checkField(root, field, each, `${at}.${name}`);
    }),
  ];
}

/** As far as protoc-gen-validate's rules say that there must be a value. */
function isRequired({ options = {}, partOf }: protobuf.Field): boolean {
  const rule = (name: string) => Number(options[`(validate.rules).${name}`] ?? 0) > 0;
  if (partOf) return false;
  return rule("message.required") || rule("string.min_len") || rule("repeated.min_items");
}

function checkAny(root: protobuf.Root, value: unknown, at: string): string[] {
  const { "@type": url = "", ...rest } = value as Readonly<Record<string, unknown>>;
  const name = String(url).replace("type.googleapis.com/", "");
  const type = root.lookup(name);
  if (!(type instanceof protobuf.Type)) return [`${at}: no message ${name}`];
  return checkMessage(root, type, rest, `${at}(${type.name})`);
}

function checkField(
  root: protobuf.Root,
  field: protobuf.Field,
  value: unknown,
  at: string,
): string[] {
  const check = (each: unknown, place: string): string[] => {
    const { resolvedType } = field.resolve();
    if (resolvedType instanceof protobuf.Type) return checkMessage(root, resolvedType, each, place);
    if (resolvedType instanceof protobuf.Enum) {
      return isA(String(each) in resolvedType.values, place, `one of ${resolvedType.name}`, each);
    }
    return checkScalar(field.type, each, place);
  };
  if (field instanceof protobuf.MapField) {
    return Object.entries(value as object).flatMap(([key, each]) => check(each, `${at}.${key}`));
  }
  if (!field.repeated) return check(value, at);
  if (!Array.isArray(value)) return isA(false, at, "a list", value);
  return value.flatMap((each, i) => check(each, `${at}.${i}`));
}

function checkScalar(type: string, value: unknown, at: string): string[] {
  if (type === "bool") return isA(typeof value === "boolean", at, type, value);
  if (type === "string" || type === "bytes") return isA(typeof value === "string", at, type, value);
  const isWhole = !/int|fixed/.test(type) || Number.isInteger(value);
  return isA(typeof value === "number" && isWhole, at, type, value);
}

function isA(holds: boolean, at: string, what: string, value: unknown): string[] {
  return holds ? [] : [`${at}: expected ${what}, got ${JSON.stringify(value)}`];
}
