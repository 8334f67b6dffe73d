// The models on offer, fetched once for all views that name them.

import { read } from "./api.js";

let fetched = null;

export async function catalogue() {
  fetched ??= read("user", "models").then((data) => data.models);
  try {
    return await fetched;
  } catch (failure) {
    fetched = null;
    throw failure;
  }
}

const PRICED = {
  chat: ["input", "output"],
  image: ["image"],
  video: ["generation", "second"],
};

// What a model takes: pairs of a meter and its rate in dollars.
export function rates(model) {
  const names = PRICED[model.kind] ?? Object.keys(model.pricing);
  return names.filter((name) => name in model.pricing)
    .map((name) => [name, model.pricing[name]]);
}
