// What the browser keeps: the name, the keys, the view, and answers not yet saved.
// If its storage is switched off or full, they are kept only as long as the page is open.

const PREFIX = "dbal_tf/";
/** @type {Map<string, string>} */
const fallback = new Map();

/** @param {string} key @param {any} otherwise */
export function recall(key, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + key) ?? fallback.get(key);
    return text === undefined || text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** @param {string} key @param {any} value */
export function keep(key, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(PREFIX + key, text);
  } catch {
    fallback.set(key, text);
  }
}

/** @param {string} key */
export function forget(key) {
  fallback.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing was kept.
  }
}

/** @param {string} start @returns {string[]} Keys that begin with this, in order. */
export function kept(start) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX + start));
    return keys.map((key) => key.slice(PREFIX.length)).sort();
  } catch {
    return [];
  }
}
