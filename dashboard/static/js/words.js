// The glossary of the pages: every word a person reads, in Chinese and in English.
// Markup and modules name words; only this file spells them.

const WORDS = {
  "language.other": ["English", "中文"],
  "theme.switch": ["切换深浅色", "Switch light or dark"],
  "nav.name": ["主导航", "Main navigation"],
  "nav.more": ["更多", "More"],
  "nav.models": ["模型", "Models"],
  "nav.docs": ["文档", "Documentation"],
  "nav.operator": ["运营", "Operator"],
  "demo.badge": ["演示", "Demo"],

  "field.email": ["邮箱", "E-mail"],
  "field.password": ["密码", "Password"],
  "field.see": ["显示", "Show"],
  "field.unsee": ["隐藏", "Hide"],
  "cancel.name": ["取消", "Cancel"],
  "copy.name": ["复制", "Copy"],
  "copy.done": ["已复制", "Copied"],
  "copy.failed": ["请手动复制", "Copy by hand"],

  "login.title": ["登录 · AutoList Token", "Sign in · AutoList Token"],
  "login.heading": ["登录", "Sign in"],
  "login.submit": ["登录", "Sign in"],
  "login.other": ["还没有账户？", "No account yet?"],
  "login.other_link": ["注册", "Register"],
  "register.title": ["注册 · AutoList Token", "Register · AutoList Token"],
  "register.heading": ["注册", "Create an account"],
  "register.submit": ["注册", "Create account"],
  "register.rule": ["至少 6 位", "At least 6 characters"],
  "register.other": ["已有账户？", "Already have an account?"],
  "register.other_link": ["登录", "Sign in"],
  "logout.name": ["退出", "Sign out"],

  "lost.title": ["页面不存在 · AutoList Token", "Not found · AutoList Token"],
  "lost.heading": ["页面不存在", "There is nothing here"],
  "lost.text": [
    "地址可能有误，或页面已被移走。",
    "The address may be mistyped, or the page has moved.",
  ],
  "lost.back": ["返回用户面板", "Back to the dashboard"],
  "lost.docs": ["查看文档", "Read the docs"],

  "dashboard.title": ["用户面板 · AutoList Token", "Dashboard · AutoList Token"],
  "error.heading": ["暂时无法显示", "This cannot be shown right now"],
  "error.view": [
    "这一页没有加载成功。请检查网络后重试。",
    "This view could not be loaded. Check your connection and try again.",
  ],
  "error.retry": ["重试", "Try again"],
  "error.offline": [
    "无法连接服务器。请检查网络后重试。",
    "The server cannot be reached. Check your connection and try again.",
  ],
  "error.answer": [
    "服务器的回答无法识别（状态 {status}）。请稍后重试。",
    "The server's answer made no sense (status {status}). Try again later.",
  ],
  "error.request": ["请求编号 {id}", "Request {id}"],

  "balance.name": ["余额", "Balance"],
  "balance.available": ["可用余额", "Available balance"],
  "balance.text": [
    "进行中的调用会先预留费用，结束后按实际用量结算。",
    "Calls in progress reserve their cost first and are settled by actual usage.",
  ],

  "overview.name": ["概览", "Overview"],
  "steps.heading": ["第一次调用", "Your first call"],
  "steps.key": ["取得 API Key", "Get your API key"],
  "steps.key_text": ["在这里显示并复制：", "Reveal and copy it under"],
  "steps.call": ["运行这条命令", "Run this command"],
  "steps.charge": ["查看这次调用的费用", "See what it cost"],
  "steps.charge_text": ["每次调用都会记入", "Every call is listed under"],

  "keys.name": ["令牌管理", "API keys"],
  "keys.current": ["当前 API Key", "Current API key"],
  "keys.manage": ["管理", "Manage"],
  "keys.none": ["没有可用的 Key", "No active key"],
  "keys.reveal": ["显示", "Reveal"],
  "keys.hide": ["隐藏", "Hide"],
  "keys.regenerate": ["重新生成", "Regenerate"],
  "keys.text": [
    "API Key 等同于您的余额，请勿写入公开的代码或网页。怀疑泄露时请立即重新生成。",
    "Whoever has this key can spend your balance. Keep it out of public code and pages,"
      + " and regenerate it at once if it may have leaked.",
  ],
  "keys.fresh": [
    "新的 API Key 已生成，旧的已失效。请现在复制保存；之后需再次输入密码才能显示。",
    "This is your new key; the old one no longer works. Copy it now: later it is shown"
      + " only after your password.",
  ],
  "reveal.heading": ["显示 API Key", "Reveal API key"],
  "reveal.text": ["请再次输入登录密码。", "Enter your password again."],
  "regenerate.heading": ["重新生成 API Key?", "Regenerate the API key?"],
  "regenerate.text": [
    "当前 Key 将立即失效，所有仍在使用它的程序会收到 401，直到换上新的 Key。",
    "The current key stops working at once. Every program that still uses it gets a 401"
      + " until it has the new one.",
  ],
  "regenerate.submit": ["重新生成", "Regenerate"],

  "limits.heading": ["调用限制", "Limits"],
  "limits.rpm": ["每分钟请求", "Requests a minute"],
  "limits.tpm": ["每分钟 Token", "Tokens a minute"],
  "limits.concurrency": ["同时进行", "At the same time"],
  "limits.none": ["不限", "No limit"],

  "use.heading": ["如何使用", "How to use it"],
  "use.text": [
    "在请求头 Authorization: Bearer 或 X-API-Key 中传递 API Key。",
    "Send the key in the header Authorization: Bearer, or X-API-Key.",
  ],

  "topup.name": ["充值", "Top up"],
  "topup.method": ["充值方式", "Payment method"],
  "topup.voucher": ["兑换码", "Voucher"],
  "topup.stripe": ["银行卡", "Card"],
  "topup.epay": ["支付宝 / 微信", "Alipay, WeChat Pay"],
  "topup.test": ["测试充值", "Test money"],
  "topup.code": ["兑换码", "Voucher code"],
  "topup.code_hint": [
    "可直接粘贴，空格、横线和大小写不影响。立即到账。",
    "Paste it as it is: spaces, dashes and case do not matter. Credited at once.",
  ],
  "topup.amount": ["金额（美元）", "Amount (US dollars)"],
  "topup.test_hint": [
    "仅演示环境可用，不产生真实付款。",
    "Only in the demo; nothing is paid.",
  ],
  "topup.submit": ["充值", "Top up"],
  "topup.done": ["已到账 {amount}，余额 {balance}。", "{amount} credited; balance {balance}."],

  "transactions.name": ["交易记录", "Transactions"],
  "transactions.time": ["时间", "Time"],
  "transactions.what": ["说明", "Description"],
  "transactions.amount": ["金额", "Amount"],
  "transactions.after": ["余额", "Balance after"],
  "transactions.more": ["加载更多", "Load more"],
  "transactions.empty": ["还没有交易", "No transactions yet"],
  "transactions.empty_text": [
    "充值和每一次 API 调用的费用都会列在这里。",
    "Top-ups and the cost of every API call are listed here.",
  ],
  "transactions.empty_next": ["进行第一次调用", "Make your first call"],
  "detail.amount": ["准确金额", "Exact amount"],
  "detail.after": ["准确余额", "Exact balance after"],
  "detail.model": ["模型", "Model"],
  "detail.request": ["请求编号", "Request"],
  "detail.id": ["交易编号", "Transaction"],
  "detail.tokens": ["用量", "Usage"],
  "detail.evidence": ["计量依据", "Metered by"],
  "meter.input": ["输入 {count}", "{count} input"],
  "meter.cache_read": ["缓存命中 {count}", "{count} cached"],
  "meter.cache_write": ["缓存写入 {count}", "{count} cache write"],
  "meter.output": ["输出 {count}", "{count} output"],
  "evidence.reported": ["上游返回的用量", "Usage reported by the provider"],
  "evidence.counted": ["按实际文本计数", "Counted from the text"],
  "evidence.estimated": ["估算", "Estimated"],
  "evidence.partial": ["按已送达部分计数", "Counted from what was delivered"],
  "evidence.invalid": ["上游用量无效，按文本计数", "Provider's usage was invalid; counted"],
  "evidence.none": ["未计量", "Not metered"],

  "usage.name": ["用量", "Usage"],

  "playground.name": ["试用", "Playground"],

  "settings.name": ["设置", "Settings"],

  // Pages outside of the dashboard.
  "site.docs": ["文档", "Docs"],
  "site.dashboard": ["用户面板", "Dashboard"],
  "card.empty": ["暂无内容", "Nothing here yet"],
};

const LANGUAGES = ["zh", "en"];
const STORED = "autolist.language";

let current = choose();

export function language() {
  return current;
}

export function word(name, values = {}) {
  const pair = WORDS[name];
  if (!pair) return name;
  const text = pair[LANGUAGES.indexOf(current)];
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// Each page brings the words that only it speaks.
export function addWords(more) {
  Object.assign(WORDS, more);
}

// Text of the shipped configuration is Chinese: what the glossary knows of it is said in
// the language of the page, the operator's own words stay as they are.
export function translated(text) {
  const pair = Object.values(WORDS).find(([chinese]) => chinese === text);
  return pair ? pair[LANGUAGES.indexOf(current)] : text;
}

export function known(name) {
  return name in WORDS;
}

export function useOtherLanguage() {
  current = current === "zh" ? "en" : "zh";
  try {
    localStorage.setItem(STORED, current);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

// Chosen before, else the first language of the browser that we speak, else Chinese.
function choose() {
  try {
    const stored = localStorage.getItem(STORED);
    if (LANGUAGES.includes(stored)) return stored;
  } catch {
    // As above.
  }
  const wished = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "zh";
}
