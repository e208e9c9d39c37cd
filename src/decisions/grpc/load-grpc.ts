import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type * as Grpc from "@grpc/grpc-js";
import type * as ProtoLoader from "@grpc/proto-loader";
import { UsageError } from "../../errors.ts";

/** The packages that speak gRPC; optional peers of this one, since most deployments have no Envoy that asks. */
export const grpcPackages = ["@grpc/grpc-js", "@grpc/proto-loader"] as const;

/** The services that revgate offers, by their published names. */
export const services = {
  authorization: {
    name: "envoy.service.auth.v3.Authorization",
    file: "external_auth.proto",
  },
  processor: {
    name: "envoy.service.ext_proc.v3.ExternalProcessor",
    file: "external_processor.proto",
  },
  health: { name: "grpc.health.v1.Health", file: "health.proto" },
} as const;

type Services = Readonly<Record<keyof typeof services, Grpc.ServiceDefinition>>;

/** gRPC, loaded. */
export interface LoadedGrpc {
  readonly grpc: typeof Grpc;
  readonly services: Services;
}

/**
 * Loads the packages, and with them the messages of the services; only configurations in which Envoy asks need it.
 *
 * Throws UsageError, with the command that adds them, if the packages are not installed.
 */
export function loadGrpc(): LoadedGrpc {
  const load = createRequire(import.meta.url);
  const grpc = loadPackage(load, "@grpc/grpc-js") as typeof Grpc;
  const loader = loadPackage(load, "@grpc/proto-loader") as typeof ProtoLoader;
  const { authorization, processor, health } = services;
  const messages = loader.loadSync(
    [authorization, processor, health].map(({ file }) => file),
    { includeDirs: [fileURLToPath(new URL("./proto", import.meta.url))], longs: Number },
  );
  const serviceOf = ({ name }: { readonly name: string }) =>
    messages[name] as unknown as Grpc.ServiceDefinition;
  return {
    grpc,
    services: {
      authorization: serviceOf(authorization),
      processor: serviceOf(processor),
      health: serviceOf(health),
    },
  };
}

function loadPackage(load: (name: string) => unknown, name: string): unknown {
  try {
    return load(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    throw new UsageError(
      `decisions.question: Envoy's gRPC needs packages that are not installed; add them: npm install ${grpcPackages.join(" ")}`,
    );
  }
}
