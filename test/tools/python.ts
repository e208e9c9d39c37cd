import { spawnSync } from "node:child_process";
import { searchProgram } from "./programs.ts";

/** The Debian packages with which the Flask example runs. */
export const pythonPackages = ["python3-flask", "python3-jwt", "python3-cryptography"];

/** A Python that has what the Flask example imports, or undefined. The system's own is the likeliest. */
export function searchPython(): string | undefined {
  const candidates = ["/usr/bin/python3", searchProgram(["python3"])];
  return candidates.find(
    (python) =>
      python !== undefined &&
      spawnSync(python, ["-c", "import flask, jwt, cryptography"], { stdio: "ignore" }).status ===
        0,
  );
}
