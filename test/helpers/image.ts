import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { newestNode } from "../tools/newest-node.ts";
import { findProgram } from "../tools/programs.ts";

/** Builds images where there is no container engine: Debian's buildah, in a folder of its own. */
export class Builder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  run(...args: readonly string[]): string {
    const where = ["root", "runroot"].map((name) => `--${name}=${join(this.#folder, name)}`);
    const { status, stdout, stderr } = spawnSync(
      findProgram(["buildah"]),
      [...where, "--storage-driver=vfs", ...args],
      { encoding: "utf8", env: { ...process.env, BUILDAH_ISOLATION: "chroot" } },
    );
    assert.equal(status, 0, `buildah ${args.join(" ")}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Makes an image of a folder of files. */
  commit(files: string, name: string, settings: readonly string[]): void {
    const container = this.run("from", "scratch");
    this.run("copy", container, files, "/");
    this.run("config", ...settings, container);
    this.run("commit", container, name);
    this.run("rm", container);
  }

  /** The files of an image, to look at and to run; read them only. */
  mount(image: string): string {
    return this.run("mount", this.run("from", "--pull-never", image));
  }
}

const usedByBuild = ["sh", "cp", "mkdir", "rm", "env", "uname"];

/**
 * Puts together what the Dockerfile expects of its base image, out of this machine's own files: Node, the
 * libraries that it is linked to, certificates; and, to build with, npm and a shell.
 */
export function layBase(folder: string, { toBuild }: { readonly toBuild: boolean }): void {
  const place = (source: string, target: string) => {
    const file = join(folder, target);
    mkdirSync(dirname(file), { recursive: true });
    cpSync(source, file, { dereference: true, recursive: true });
  };
  const programs = toBuild ? usedByBuild.map((name) => findProgram([name])) : [];
  place(newestNode(), "/usr/local/bin/node");
  for (const program of programs) place(program, program);
  for (const library of new Set([newestNode(), ...programs].flatMap(librariesOf)))
    place(library, library);
  place("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt");
  writeFileSync(join(folder, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(folder, "etc/group"), "root:x:0:\n");
  for (const name of ["root", "tmp"]) mkdirSync(join(folder, name));
  chmodSync(join(folder, "tmp"), 0o1777);
  if (!toBuild) return;
  place(npmFolder(), "/usr/local/lib/node_modules/npm");
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(folder, "usr/local/bin/npm"));
  if (!existsSync(join(folder, "bin"))) symlinkSync("usr/bin", join(folder, "bin"));
}

function librariesOf(program: string): string[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}

function npmFolder(): string {
  const { stdout } = spawnSync("npm", ["root", "--global"], { encoding: "utf8" });
  return join(stdout.trim(), "npm");
}

/** The variables by which this machine's own npm trusts certificates, for one in an image. */
export function trustSettings(): string[] {
  const bundle = "/etc/ssl/certs/ca-certificates.crt";
  assert.ok(readFileSync(bundle).length > 0);
  return [`--env=NODE_EXTRA_CA_CERTS=${bundle}`, `--env=npm_config_cafile=${bundle}`];
}
