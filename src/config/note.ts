import type { SettingPath } from "./document.ts";

/** Something in a configuration that can be used, and that its operator should know. */
export interface Note {
  readonly path: SettingPath;
  readonly message: string;
}
