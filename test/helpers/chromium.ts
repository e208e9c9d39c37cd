import { type Browser, chromium } from "playwright-core";
import { findProgram } from "../tools/programs.ts";

/** Starts Chromium without a window; it asks for nothing by itself. Close it at the end. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram(["chromium"]),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat(
      ["background-networking", "component-update", "sync"].map((name) => `--disable-${name}`),
    ),
  });
}
