/**
 * In which forms the names of a store are made, and what a sidecar with forms of its own is to make of that.
 *
 * Sidecars understand each other by the forms that they have in common: each writes and looks up under all of
 * its own. One that has none in common with the others finds none of their revocations, nor they its own, and
 * nothing else would tell. So the forms stand in Redis and beside the journal, and are compared.
 */
export type FormsVerdict =
  | { readonly kind: "agreed" }
  /** They are to stand there from now on. */
  | { readonly kind: "write"; readonly forms: readonly string[] }
  /** Nothing in common: no answer of this sidecar's can be relied on. */
  | { readonly kind: "strangers" };

/**
 * Compares a sidecar's forms, today's first, with those of a store.
 *
 * While they are changed one sidecar after the other, both kinds live: a sidecar with a new first form writes its
 * own, and so does one that has given a later one up. One that still goes by a later form of the store changes nothing.
 */
export function compareForms(held: readonly string[], own: readonly string[]): FormsVerdict {
  const first = own[0] ?? "";
  if (held.length === 0) return { kind: "write", forms: own };
  if (!own.some((form) => held.includes(form))) return { kind: "strangers" };
  const isNew = !held.includes(first);
  const gaveUp = held[0] === first && held.some((form) => !own.includes(form));
  return isNew || gaveUp ? { kind: "write", forms: own } : { kind: "agreed" };
}

/** Why a sidecar's names are worth nothing in a store, and what to do. */
export function strangersReason(
  where: string,
  held: readonly string[],
  own: readonly string[],
): string {
  return (
    `${where} has names of other forms (${held.join(", ")}) than this sidecar makes (${own.join(", ")}): ` +
    "what is revoked there would not be found. Set denylist.nameKeyFile, formerNameKeyFile and formerNames " +
    "as on the others"
  );
}

const form = /^[a-z0-9][A-Za-z0-9_.:-]{0,60}$/;

/** Forms as they stand in Redis and beside the journal. */
export function formatForms(forms: readonly string[]): string {
  return forms.join(" ");
}

/** Reads what formatForms wrote; none if it is something else. */
export function parseForms(text: string): readonly string[] {
  const forms = text.split(" ");
  return forms.length <= 8 && forms.every((each) => form.test(each)) ? forms : [];
}
