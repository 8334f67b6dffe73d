// A call to the API as somebody would write it: the same path and the same body, in one
// of three languages. Where the key is not to be shown its place is held.

export const LANGUAGES = ["curl", "python", "javascript"];
const PLACE = "YOUR_API_KEY";
const INDENT = "    ";

export function snippet(language, { path, body, key = null }) {
  return WRITERS[language](`${location.origin}/api/v1/${path}`, body, key ?? PLACE);
}

const WRITERS = { curl, python, javascript };

function curl(address, body, key) {
  const flag = body.stream ? " -N" : "";
  const sent = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return [
    `curl${flag} -X POST ${address} \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d '${sent}'`,
  ].join("\n");
}

function python(address, body, key) {
  const lines = [
    "import requests",
    "",
    "response = requests.post(",
    `${INDENT}"${address}",`,
    `${INDENT}headers={"Authorization": "Bearer ${key}"},`,
    `${INDENT}json=${literal(body, INDENT)},`,
    ...(body.stream ? [`${INDENT}stream=True,`] : []),
    ")",
  ];
  const shown = body.stream
    ? ["for line in response.iter_lines(decode_unicode=True):", `${INDENT}print(line)`]
    : ["print(response.json())"];
  return [...lines, ...shown].join("\n");
}

function javascript(address, body, key) {
  const sent = JSON.stringify(body, null, 2).replaceAll("\n", "\n  ");
  const lines = [
    `const response = await fetch("${address}", {`,
    '  method: "POST",',
    "  headers: {",
    `    "Authorization": "Bearer ${key}",`,
    '    "Content-Type": "application/json",',
    "  },",
    `  body: JSON.stringify(${sent}),`,
    "});",
  ];
  const shown = body.stream
    ? [
        "for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {",
        "  console.log(piece);",
        "}",
      ]
    : ["console.log(await response.json());"];
  return [...lines, ...shown].join("\n");
}

// JSON as Python writes it; text of JSON is text of Python.
function literal(value, margin) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = margin + INDENT;
  const parts = Array.isArray(value)
    ? value.map((one) => literal(one, inner))
    : Object.entries(value).map(
        ([name, one]) => `${JSON.stringify(name)}: ${literal(one, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((one) => `${inner}${one},\n`).join("")}${margin}${close}`;
}
