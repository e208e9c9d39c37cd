/** What has to be known of an application to stand in front of it; empty: there is none. */
export interface BaseFacts {
  readonly upstream: string;
  /** A PEM file, the address of a key set, or `secret FILE`. */
  readonly key: string;
  /** `header NAME`, `bearer` or `cookie NAME`. */
  readonly token: string;
  /** Routes: a path, with methods in front if not every one is meant. */
  readonly login: string;
  readonly logout: string;
  /** Statuses of success on revoking routes. */
  readonly success: string;
  readonly "change-password": string;
  readonly "reset-password": string;
  /** Routes, with semicolons between them. */
  readonly optional: string;
  readonly redis: string;
  readonly "data-dir": string;
}
