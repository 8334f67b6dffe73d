// The code of the customer's document, with an address, a key and a model filled in. It
// is the same in every language that people read, down to its prompts and comments.

const PROMPTS = { chat: "你好", image: "一只可爱的橘猫", video: "海浪拍打沙滩" };
const DOCUMENTED = { chat: "gpt-4o", image: "dall-e-3", video: "gen-2" };
const PATHS = {
  chat: "/api/v1/chat/completions",
  image: "/api/v1/images/generations",
  video: "/api/v1/videos/generations",
};

export const KEY_PLACEHOLDER = "YOUR_API_KEY";
export const DIALECTS = ["curl", "python", "javascript"];

// `kind` is what the model makes; `duration` is for videos, in seconds.
export function sampleOf(dialect, kind, { address, key, model, size, duration }) {
  const call = {
    kind,
    url: `${address}${PATHS[kind]}`,
    key: key ?? KEY_PLACEHOLDER,
    model: model ?? DOCUMENTED[kind],
    prompt: PROMPTS[kind],
    size: size ?? "1024x1024",
    duration: duration ?? 10,
  };
  return { curl, python, javascript }[dialect](call);
}

function curl(call) {
  const head = [
    `curl -X POST ${call.url} \\`,
    `  -H "Authorization: Bearer ${call.key}" \\`,
    '  -H "Content-Type: application/json" \\',
  ];
  return [...head, `  -d '${curlBody(call)}'`].join("\n");
}

function curlBody({ kind, model, prompt, size, duration }) {
  if (kind === "image") return `{"model": "${model}", "prompt": "${prompt}", "size": "${size}"}`;
  if (kind === "video") {
    return `{"model": "${model}", "prompt": "${prompt}", "duration": ${duration}}`;
  }
  return [
    "{",
    `    "model": "${model}",`,
    '    "messages": [',
    `      {"role": "user", "content": "${prompt}"}`,
    "    ]",
    "  }",
  ].join("\n");
}

function python(call) {
  const asked = {
    chat: [
      `        'model': '${call.model}',`,
      `        'messages': [{'role': 'user', 'content': '${call.prompt}'}]`,
    ],
    image: [`        'model': '${call.model}',`, `        'prompt': '${call.prompt}'`],
    video: [
      `        'model': '${call.model}',`,
      `        'prompt': '${call.prompt}',`,
      `        'duration': ${call.duration}`,
    ],
  };
  const shown = call.kind === "chat" ? "" : "['data'][0]['url']";
  return [
    "import requests",
    "",
    "response = requests.post(",
    `    '${call.url}',`,
    `    headers={'Authorization': 'Bearer ${call.key}'},`,
    "    json={",
    ...asked[call.kind],
    call.kind === "video" ? "    },\n    timeout=300" : "    }",
    ")",
    `print(response.json()${shown})`,
  ].join("\n");
}

function javascript(call) {
  const asked = {
    chat: [
      `    model: '${call.model}',`,
      `    messages: [{role: 'user', content: '${call.prompt}'}]`,
    ],
    image: [`    model: '${call.model}',`, `    prompt: '${call.prompt}'`],
    video: [
      `    model: '${call.model}',`,
      `    prompt: '${call.prompt}',`,
      `    duration: ${call.duration}`,
    ],
  };
  const shown = call.kind === "chat" ? "data" : "data.data[0].url";
  return [
    `fetch('${call.url}', {`,
    "  method: 'POST',",
    "  headers: {",
    `    'Authorization': 'Bearer ${call.key}',`,
    "    'Content-Type': 'application/json'",
    "  },",
    "  body: JSON.stringify({",
    ...asked[call.kind],
    "  })",
    "})",
    ".then(response => response.json())",
    `.then(data => console.log(${shown}));`,
  ].join("\n");
}

export function sdkOf(dialect, address, key = KEY_PLACEHOLDER) {
  return dialect === "python" ? pythonSdk(address, key) : javascriptSdk(address, key);
}

function pythonSdk(address, key) {
  return `import requests

class TokenProxy:
    def __init__(self, api_key, base_url="${address}"):
        self.api_key = api_key
        self.base_url = base_url
        self.headers = {"Authorization": f"Bearer {api_key}"}

    def chat(self, model, messages):
        return requests.post(
            f"{self.base_url}/api/v1/chat/completions",
            headers=self.headers,
            json={"model": model, "messages": messages}
        ).json()

    def generate_image(self, prompt, model="dall-e-3"):
        return requests.post(
            f"{self.base_url}/api/v1/images/generations",
            headers=self.headers,
            json={"model": model, "prompt": prompt}
        ).json()

    def generate_video(self, prompt, model="gen-2"):
        return requests.post(
            f"{self.base_url}/api/v1/videos/generations",
            headers=self.headers,
            json={"model": model, "prompt": prompt},
            timeout=300
        ).json()

# 使用
client = TokenProxy("${key}")
print(client.chat("gpt-4o", [{"role": "user", "content": "你好"}]))`;
}

function javascriptSdk(address, key) {
  return `class TokenProxy {
  constructor(apiKey, baseUrl = '${address}') {
    this.apiKey = apiKey;
    this.baseUrl = baseUrl;
    this.headers = {'Authorization': \`Bearer \${apiKey}\`};
  }

  async chat(model, messages) {
    const res = await fetch(\`\${this.baseUrl}/api/v1/chat/completions\`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({model, messages})
    });
    return res.json();
  }

  async generateImage(prompt) {
    const res = await fetch(\`\${this.baseUrl}/api/v1/images/generations\`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({prompt})
    });
    return res.json();
  }
}

// 使用
const client = new TokenProxy('${key}');
console.log(await client.chat('gpt-4o', [{role: 'user', content: '你好'}]));`;
}
