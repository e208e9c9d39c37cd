// How the page's elements are found and made.

/** The element of that id. */
export const find = (id) => document.getElementById(id);

/** Makes an element with a text and a class. */
export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

/** Makes a row of a table. */
export function row(...cells) {
  const made = element("tr");
  made.append(...cells);
  return made;
}

/** Sets a text; one that stays the same is not read out again. */
export function setText(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}
