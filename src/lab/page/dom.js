/** @file Elements, made and filled. Text only ever becomes text: markup comes from the server alone. */

/**
 * An element. `properties` are properties of the element; `data`, `aria` and `on` take objects.
 * @param {string} name
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key === "data") Object.assign(element.dataset, value);
    else if (key === "aria") for (const [k, v] of Object.entries(value)) element.setAttribute(`aria-${k}`, String(v));
    else if (key === "on") for (const [k, v] of Object.entries(value)) element.addEventListener(k, v);
    else if (key === "role" || key === "for" || key === "list" || key === "scope") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter(isShown));
  return element;
}

function isShown(child) {
  return child instanceof Node || (typeof child === "string" && child !== "");
}

/** Replaces all children. @param {Element} element @param {...(Node|string)} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(isShown));
  return element;
}

/** Sets text only where it changed, so that live regions speak once. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Markup that the server rendered and cleaned.
 * @param {string} html
 * @param {string} [className]
 */
export function rendered(html, className = "prose") {
  const element = make("div", { className });
  element.innerHTML = html ?? "";
  for (const pre of element.querySelectorAll("pre")) pre.tabIndex = 0;
  return element;
}

let last = 0;
/** An id that no other element has. @param {string} stem */
export function fresh(stem) {
  last += 1;
  return `${stem}-${last}`;
}

/** Offers a file to keep. @param {Blob} blob @param {string} name */
export function keep(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
