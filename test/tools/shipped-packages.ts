/** A package as the lock file has it. */
export interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package that is shipped. */
export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

type Packages = Readonly<Record<string, LockedPackage>>;

/**
 * The packages that come with revgate: with `npm install`, or in the image, which also has the optional
 * peers and what these need. `packages` are those of package-lock.json.
 */
export function shippedPackages(packages: Packages, where: "npm" | "image"): ShippedPackage[] {
  const own = packages[""] ?? { version: "" };
  const found = new Set<string>();
  const wanted = Object.keys({
    ...own.dependencies,
    ...(where === "image" && own.peerDependencies),
  }).map((name) => ({ name, from: "" }));
  for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
    const path = resolve(packages, next.name, next.from);
    if (found.has(path)) continue;
    found.add(path);
    const { dependencies, peerDependencies, peerDependenciesMeta } = packages[path] ?? {};
    // A package's optional peers are not installed with it.
    const needs = Object.keys({ ...dependencies, ...peerDependencies }).filter(
      (peer) => peerDependenciesMeta?.[peer]?.optional !== true,
    );
    wanted.push(...needs.map((name) => ({ name, from: path })));
  }
  return [...found].sort().map((path) => ({
    name: path.replace(/^.*node_modules\//, ""),
    version: packages[path]?.version ?? "",
    license: packages[path]?.license ?? "not stated",
  }));
}

/** Where Node finds a package: beside the one that asks, or in a folder above. */
function resolve(packages: Packages, name: string, from: string): string {
  for (
    let folder = from;
    ;
    folder = folder.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, "")
  ) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === "") throw new Error(`${name} is not in package-lock.json`);
  }
}
