// Sums by day and model as the parts of stacked bars: the largest models by name, the
// others as one.

const NAMED_MAX = 5;

// `amounts` of each part are in the order of the days. A model's place and so its colour
// follow its whole amount in the period.
export function stackOf(rows, days, measure) {
  const models = new Map();
  const places = new Map(days.map((day, place) => [day, place]));
  for (const row of rows) {
    if (!places.has(row.day)) continue;
    const amounts = models.get(row.model) ?? days.map(() => 0n);
    amounts[places.get(row.day)] += measure.of(row);
    models.set(row.model, amounts);
  }
  const parts = [...models]
    .map(([name, amounts]) => ({ name, amounts, total: sum(amounts) }))
    .filter((part) => part.total);
  parts.sort(
    (one, other) => compare(other.total, one.total) || compare(one.name, other.name),
  );
  return parts.length > NAMED_MAX + 1 ? merged(parts, days) : parts;
}

// name null: the others.
function merged(parts, days) {
  const rest = parts.slice(NAMED_MAX);
  const amounts = days.map((_, place) => sum(rest.map((part) => part.amounts[place])));
  return [...parts.slice(0, NAMED_MAX), { name: null, amounts, total: sum(amounts) }];
}

export function sum(amounts) {
  return amounts.reduce((one, other) => one + other, 0n);
}

function compare(one, other) {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
