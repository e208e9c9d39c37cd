import { spawnSync } from "node:child_process";
import { searchProgram } from "./programs.ts";

/** The Debian packages with which the Flask example and the Django application of the tests run. */
export const pythonPackages = [
  "python3-flask",
  "python3-jwt",
  "python3-cryptography",
  "python3-djangorestframework-simplejwt",
];

/** A Python that has what they import, or undefined. The system's own is the likeliest. */
export function searchPython(): string | undefined {
  const candidates = ["/usr/bin/python3", searchProgram(["python3"])];
  return candidates.find(
    (python) =>
      python !== undefined &&
      spawnSync(python, ["-c", "import flask, jwt, cryptography, rest_framework_simplejwt"], {
        stdio: "ignore",
      }).status === 0,
  );
}
