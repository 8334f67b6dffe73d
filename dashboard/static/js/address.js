// The address of a view with its query, as the pages link to it.

export function addressOf(view, values) {
  const query = String(new URLSearchParams(values));
  return query ? `#${view}?${query}` : `#${view}`;
}
