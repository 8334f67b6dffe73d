// Building and finding elements. Text always goes in as text, never as markup: this is
// the only way the pages put anything from the server on the screen.

export function find(selector, within = document) {
  return within.querySelector(selector);
}

export function findAll(selector, within = document) {
  return [...within.querySelectorAll(selector)];
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// kind is "good", "bad", "warn" or nothing; an empty notice takes no space.
export function tell(notice, text, kind = "bad") {
  notice.className = text ? `notice ${kind}` : "notice";
  notice.textContent = text;
}

export async function whileBusy(button, work) {
  button.disabled = true;
  try {
    return await work();
  } finally {
    button.disabled = false;
  }
}
