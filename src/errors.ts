/** Every reason for which revgate could not find out or could not do something: a closed list. */
export type ErrorCode =
  | "config_invalid"
  | "usage"
  | "key_unusable"
  | "store_unavailable"
  | "revocation_pending"
  | "journal_damaged"
  | "data_dir_in_use"
  | "names_differ"
  | "data_dir_unsafe"
  | "control_failed";

/**
 * The one base class of what revgate throws.
 *
 * `code` is for machines and never changes; `message` is for people and never holds a secret.
 * Anything else that reaches the top of the program is a bug and is logged as one.
 */
export class RevgateError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** The configuration cannot be used; `problems` holds every one that was found, each with its place. */
export class ConfigError extends RevgateError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super("config_invalid", problems.join("\n"));
    this.problems = problems;
  }
}

/** The command line cannot be understood. */
export class UsageError extends RevgateError {
  constructor(message: string) {
    super("usage", message);
  }
}

/** A key file cannot serve the algorithms it is configured for. */
export class KeyUnusableError extends RevgateError {
  constructor(message: string, cause?: unknown) {
    super("key_unusable", message, cause);
  }
}

/** The denylist could not answer; the caller must refuse (promise P4). */
export class StoreUnavailableError extends RevgateError {
  constructor(message: string, cause?: unknown) {
    super("store_unavailable", message, cause);
  }
}

/** The revocation is in force here, but not yet durable or not yet in force everywhere. */
export class RevocationPendingError extends RevgateError {
  constructor(message: string, cause?: unknown) {
    super("revocation_pending", message, cause);
  }
}

/** The journal holds something that is neither a record nor a torn tail. */
export class JournalDamagedError extends RevgateError {
  constructor(message: string) {
    super("journal_damaged", message);
  }
}

/** Another revgate already writes to this data directory. */
export class DataDirInUseError extends RevgateError {
  constructor(message: string) {
    super("data_dir_in_use", message);
  }
}

/** Somebody else could change what is in the data directory. */
export class DataDirUnsafeError extends RevgateError {
  constructor(message: string) {
    super("data_dir_unsafe", message);
  }
}

/** The names in the journal are made in another way than this configuration makes them. */
export class NamesDifferError extends RevgateError {
  constructor(message: string) {
    super("names_differ", message);
  }
}

/** A running revgate answered a command with an error, or not at all. */
export class ControlError extends RevgateError {
  constructor(message: string, cause?: unknown) {
    super("control_failed", message, cause);
  }
}
