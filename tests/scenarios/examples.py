"""The customer's document: everything in it that a machine reads, word for word.

The document stands beside this file as it was given. Its code lost the line breaks;
they are put back here, where a shell or an interpreter needs them, and nothing else is
changed. test_examples.py sees to it that no piece of code is left out.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.scenarios.child import bare

DOCUMENT = Path(__file__).with_name("api-doc.zh.txt")
LABEL = re.compile(r"^[\s\d.]*[^\x00-\x7f]+:?")
CODE = re.compile(r'[{"]|YOUR_API_KEY|https?://|^(GET|POST|PUT|PATCH|DELETE)/')

WORK_SECONDS = 30
RUNS: Mapping[str, tuple[str, ...]] = {
    "curl": ("sh", "-c"),
    "python": (sys.executable, "-c"),
    "javascript": ("node", "--input-type=module", "-e"),
}
KEY = "YOUR_API_KEY"
ADDRESS = "localhost:8000"

CURL_CHAT = r"""
curl -X POST http://localhost:8000/api/v1/chat/completions \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "gpt-4o",
    "messages": [
      {"role": "user", "content": "你好"}
    ]
  }'
"""
PYTHON_CHAT = """
import requests

response = requests.post(
    'http://localhost:8000/api/v1/chat/completions',
    headers={'Authorization': 'Bearer YOUR_API_KEY'},
    json={
        'model': 'gpt-4o',
        'messages': [{'role': 'user', 'content': '你好'}]
    }
)
print(response.json())
"""
JAVASCRIPT_CHAT = """
fetch('http://localhost:8000/api/v1/chat/completions', {
  method: 'POST',
  headers: {
    'Authorization': 'Bearer YOUR_API_KEY',
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    model: 'gpt-4o',
    messages: [{role: 'user', content: '你好'}]
  })
})
.then(response => response.json())
.then(data => console.log(data));
"""
CURL_IMAGE = r"""
curl -X POST http://localhost:8000/api/v1/images/generations \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -d '{"model": "dall-e-3", "prompt": "一只可爱的橘猫", "size": "1024x1024"}'
"""
PYTHON_IMAGE = """
import requests

response = requests.post(
    'http://localhost:8000/api/v1/images/generations',
    headers={'Authorization': 'Bearer YOUR_API_KEY'},
    json={'model': 'dall-e-3', 'prompt': '一只可爱的橘猫'}
)
print(response.json()['data'][0]['url'])
"""
CURL_VIDEO = r"""
curl -X POST http://localhost:8000/api/v1/videos/generations \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -d '{"model": "gen-2", "prompt": "海浪拍打沙滩", "duration": 10}'
"""
PYTHON_SDK = """
import requests

class TokenProxy:
    def __init__(self, api_key, base_url="http://localhost:8000"):
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
client = TokenProxy("YOUR_API_KEY")
print(client.chat("gpt-4o", [{"role": "user", "content": "你好"}]))
"""
JAVASCRIPT_SDK = """
class TokenProxy {
  constructor(apiKey, baseUrl = 'http://localhost:8000') {
    this.apiKey = apiKey;
    this.baseUrl = baseUrl;
    this.headers = {'Authorization': `Bearer ${apiKey}`};
  }

  async chat(model, messages) {
    const res = await fetch(`${this.baseUrl}/api/v1/chat/completions`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({model, messages})
    });
    return res.json();
  }

  async generateImage(prompt) {
    const res = await fetch(`${this.baseUrl}/api/v1/images/generations`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({prompt})
    });
    return res.json();
  }
}

// 使用
const client = new TokenProxy('YOUR_API_KEY');
console.log(await client.chat('gpt-4o', [{role: 'user', content: '你好'}]));
"""


@dataclass(frozen=True, slots=True)
class Program:
    """An example that runs: what it is written in, what it makes and of which model.

    `slot` is the place of the model's name: what stands there, and what stands there
    for another model. A program without one has its own model only.
    """

    language: str
    text: str
    makes: str
    model: str
    slot: tuple[str, str] = ("", "")

    def changed(self, *changes: tuple[str, str]) -> "Program":
        """With what each of them says once replaced."""
        text = self.text
        for old, new in changes:
            text = replace_once(text, old, new)
        return replace(self, text=text)

    def of(self, model: str) -> "Program":
        """The same of another model."""
        if model == self.model:
            return self
        old, new = self.slot
        return replace(self.changed((old, new.format(model))), model=model)

    def __call__(self, port: int, key: str) -> str:
        """What it prints to a caller with this key, of a gateway at this port."""
        here = self.changed((KEY, key), (ADDRESS, f"localhost:{port}"))
        return run(self.language, here.text)


def replace_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
    return text.replace(old, new)


def run(language: str, text: str) -> str:
    """What a program prints that has nothing in its environment; it must succeed."""
    program = RUNS[language]
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    return subprocess.run(
        [*program, text],
        env=bare({}),
        stdout=subprocess.PIPE,
        timeout=WORK_SECONDS,
        check=True,
        text=True,
    ).stdout


CHAT_SLOT = ("gpt-4o", "{}")
IMAGE_SLOT = ("dall-e-3", "{}")
VIDEO_SLOT = ("gen-2", "{}")
# What runs as it is printed.
PROGRAMS: Mapping[str, Program] = {
    "3.3 cURL": Program("curl", CURL_CHAT, "chat", "gpt-4o", CHAT_SLOT),
    "3.3 Python": Program("python", PYTHON_CHAT, "chat", "gpt-4o", CHAT_SLOT),
    "3.3 JavaScript": Program(
        "javascript", JAVASCRIPT_CHAT, "chat", "gpt-4o", CHAT_SLOT
    ),
    "4.3 cURL": Program("curl", CURL_IMAGE, "image", "dall-e-3", IMAGE_SLOT),
    "4.3 Python": Program("python", PYTHON_IMAGE, "image", "dall-e-3", IMAGE_SLOT),
    "5.3 cURL": Program("curl", CURL_VIDEO, "video", "gen-2", VIDEO_SLOT),
    "7.1 Python": Program("python", PYTHON_SDK, "chat", "gpt-4o", CHAT_SLOT),
    "7.2 JavaScript": Program(
        "javascript", JAVASCRIPT_SDK, "chat", "gpt-4o", CHAT_SLOT
    ),
}
PYTHON_USE = 'print(client.chat("gpt-4o", [{"role": "user", "content": "你好"}]))'
JAVASCRIPT_USE = (
    "console.log(await client.chat('gpt-4o', [{role: 'user', content: '你好'}]));"
)
# The methods that section 7 shows and does not call: its class, and a line that does.
METHODS: Mapping[str, Program] = {
    "7.1 generate_image": Program(
        "python",
        replace_once(
            PYTHON_SDK, PYTHON_USE, 'print(client.generate_image("一只可爱的橘猫"))'
        ),
        "image",
        "dall-e-3",
        ('橘猫")', '橘猫", "{}")'),
    ),
    "7.1 generate_video": Program(
        "python",
        replace_once(
            PYTHON_SDK, PYTHON_USE, 'print(client.generate_video("海浪拍打沙滩"))'
        ),
        "video",
        "gen-2",
        ('沙滩")', '沙滩", "{}")'),
    ),
    # It takes no model.
    "7.2 generateImage": Program(
        "javascript",
        replace_once(
            JAVASCRIPT_SDK,
            JAVASCRIPT_USE,
            "console.log(JSON.stringify(await client.generateImage('一只可爱的橘猫')));",
        ),
        "image",
        "dall-e-3",
    ),
}

REGISTRATION = '{ "email": "user@example.com", "password": "your_password" }'
REGISTERED = """
{
  "success": true,
  "message": "注册成功",
  "data": {
    "user": {
      "id": "uuid",
      "email": "user@example.com",
      "balance": 10.00,
      "api_key": "tk_xxxxxxxx",
      "status": "active"
    }
  }
}
"""
# Both ways to show a key.
HEADERS = ("Authorization: Bearer YOUR_API_KEY", "X-API-Key: YOUR_API_KEY")
PAGE = "http://localhost:8000/public/dashboard.html"
# Section 2's, then those of sections 3 to 5.
WEB_ENDPOINTS = (
    "POST/api/auth.php?action=register",
    "POST/api/auth.php?action=login",
    "GET/api/user.php?action=profile",
    "POST/api/user.php?action=charge",
    "GET/api/user.php?action=transactions",
)
API_ENDPOINTS = (
    "POST/api/v1/chat/completions",
    "POST/api/v1/images/generations",
    "POST/api/v1/videos/generations",
)


def claimed() -> Iterator[str]:
    """All of it."""
    yield from (program.text for program in PROGRAMS.values())
    yield from (REGISTRATION, REGISTERED, PAGE)
    yield from (*HEADERS, *WEB_ENDPOINTS, *API_ENDPOINTS)


def pieces(document: str) -> Iterator[str]:
    """The lines of a document that are code, without the words that lead to them.

    Code says a brace, a straight quote, the reader's key or an address; the document's
    prose and its tables do not.
    """
    for line in document.splitlines():
        rest = LABEL.sub("", line).strip()
        if CODE.search(rest):
            yield rest


def squeezed(text: str) -> str:
    """Without what the document lost: spaces, and line breaks and their backslashes."""
    return "".join(text.replace("\\\n", "").replace("\\ ", "").split())
