// The glossary of the pages: every word a person reads, in Chinese and in English.
// Markup and modules name words; only this file spells them, and those in words/, which
// are the glossary of views that are fetched when they are opened.

const WORDS = {
  "language.other": ["English", "中文"],
  "theme.switch": ["切换深浅色", "Switch light or dark"],
  "nav.name": ["主导航", "Main navigation"],
  "nav.more": ["更多", "More"],
  "nav.models": ["模型", "Models"],
  "nav.docs": ["文档", "Docs"],
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
  "balance.lasts": [
    "按近 7 天的速度，约可用 {days} 天",
    "Lasts about {days} days at this week's rate",
  ],
  "balance.long": [
    "按近 7 天的速度，可用一年以上",
    "Lasts more than a year at this week's rate",
  ],
  "balance.unknown": [
    "有 3 天用量后，会估算可用天数",
    "After three days of use this says how long it lasts",
  ],
  "balance.held": [
    "另有 {held} 预留给进行中的调用，结束后按实际用量结算",
    "{held} more is reserved for calls in progress and settled by actual usage",
  ],
  "balance.low": [
    "余额偏低，用完后调用会收到 402。",
    "The balance is low. Once it is used up, calls get a 402.",
  ],

  "overview.name": ["概览", "Overview"],
  "overview.figure": ["指标", "Figure"],
  "overview.today": ["今天", "Today"],
  "overview.week": ["近 7 天", "7 days"],
  "overview.month": ["本月", "This month"],
  "overview.spend": ["消费", "Spend"],
  "overview.requests": ["请求", "Requests"],
  "overview.failed": ["失败", "Failed"],
  "overview.chart": ["每日消费（UTC）", "Spend by day (UTC)"],
  "overview.chart_days": ["图表的天数", "Days of the chart"],
  "overview.recent": ["最近的请求", "Latest requests"],
  "overview.all": ["全部", "All"],
  "overview.used": ["用量", "Usage"],
  "overview.took": ["用时", "Duration"],
  "overview.outcome": ["结果", "Result"],
  "used.tokens": ["{input} → {output}", "{input} → {output}"],
  "used.images": ["{count} 张", "{count} img"],
  "used.videos": ["{count} 段视频", "{count} video"],
  "steps.heading": ["第一次调用", "Your first call"],
  "steps.key": ["取得 API Key", "Get your API key"],
  "steps.key_text": ["在这里显示并复制：", "Reveal and copy it under"],
  "steps.call": ["运行这条命令", "Run this command"],
  "steps.charge": ["查看这次调用的费用", "See what it cost"],
  "steps.charge_text": ["每次调用都会记入", "Every call is listed under"],
  "steps.charged": ["{amount}，看它怎么算出来", "{amount}: see why"],
  "steps.hello": ["你好", "Hello"],
  "steps.done": ["（已完成）", " (done)"],

  "chart.day": ["日期（UTC）", "Day (UTC)"],
  "chart.total": ["合计", "Total"],
  "chart.others": ["其他", "Others"],
  "chart.table": ["以表格查看", "Show as a table"],
  "chart.failed": ["图表没有加载成功。", "The chart could not be loaded."],
  "period.week": ["7 天", "7 days"],
  "period.month": ["30 天", "30 days"],
  "period.quarter": ["90 天", "90 days"],

  "keys.name": ["令牌管理", "API keys"],
  "keys.none": ["没有可用的 Key", "No active key"],

  "topup.name": ["充值", "Top up"],

  "filter.name": ["筛选", "Filters"],
  "filter.name_count": ["筛选（{count}）", "Filters ({count})"],
  "filter.all": ["全部", "All"],
  "filter.type": ["类型", "Kind"],
  "filter.model": ["模型", "Model"],
  "filter.key": ["API Key", "API key"],
  "filter.default_key": ["默认", "Default"],
  "filter.from": ["从（UTC）", "From (UTC)"],
  "filter.to": ["到（UTC）", "To (UTC)"],
  "filter.clear": ["清除筛选", "Clear filters"],
  "csv.name": ["下载 CSV", "Download CSV"],
  "csv.requests": ["下载明细 CSV", "Download requests (CSV)"],
  "kind.usage": ["调用", "Usage"],
  "kind.topup": ["充值", "Top-up"],
  "kind.promo": ["赠送", "Credit"],
  "kind.refund": ["退款", "Refund"],
  "kind.adjustment": ["调整", "Adjustment"],

  "transactions.name": ["交易记录", "Transactions"],
  "transactions.time": ["时间", "Time"],
  "transactions.what": ["说明", "Description"],
  "transactions.amount": ["金额", "Amount"],
  "transactions.after": ["余额", "Balance after"],
  "transactions.more": ["加载更多", "Load more"],
  "transactions.older": ["继续查找更早的", "Look further back"],
  "transactions.searching": [
    "最近的记录里没有符合条件的，更早的还没有查找。",
    "Nothing recent fits these filters. Older entries have not been searched yet.",
  ],
  "transactions.unmatched": ["没有符合条件的交易", "Nothing fits these filters"],
  "transactions.unmatched_text": [
    "换一个时间范围，或清除筛选。",
    "Try other dates, or clear the filters.",
  ],
  "transactions.empty": ["还没有交易", "No transactions yet"],
  "transactions.empty_text": [
    "充值和每一次 API 调用的费用都会列在这里。",
    "Top-ups and the cost of every API call are listed here.",
  ],
  "transactions.empty_next": ["进行第一次调用", "Make your first call"],
  "detail.amount": ["准确金额", "Exact amount"],
  "detail.after": ["准确余额", "Exact balance after"],
  "detail.id": ["交易编号", "Transaction"],

  "receipt.name": ["收据", "Receipt"],
  "receipt.back": ["← 交易记录", "← Transactions"],
  "receipt.why": ["为什么是这个金额", "Why this amount"],
  "receipt.nothing": ["这次调用没有收费。", "This request cost nothing."],
  "receipt.applied": ["适用的价格条件：{cases}", "Conditions of the price that held: {cases}"],
  "receipt.route": ["模型", "Model"],
  "receipt.evidence": ["计量依据", "Metered by"],
  "receipt.end": ["结束", "Ended"],
  "receipt.times": ["用时", "Duration"],
  "receipt.times_text": ["首字 {first}，共 {total}", "first byte {first}, {total} in all"],
  "receipt.hold": ["预留与结算", "Held and settled"],
  "receipt.hold_text": [
    "开始时预留 {held}，结束时收取 {paid}，其余退回",
    "{held} held at the start, {paid} taken at the end, the rest given back",
  ],
  "receipt.hold_back": [
    "开始时预留 {held}，已全部退回",
    "{held} held at the start, all of it given back",
  ],
  "receipt.after": ["扣款后余额", "Balance after"],
  "receipt.request": ["请求编号", "Request"],
  "receipt.upstream": ["上游编号", "Provider's id"],
  "receipt.ledger": ["账本行", "Ledger row"],
  "receipt.trail": ["尝试（{count}）", "Attempts ({count})"],
  "receipt.save": ["下载收据", "Download receipt"],
  "receipt.proof": ["签名，以及如何核对", "Signature, and how to check it"],
  "receipt.proof_text": [
    "收据由网关签名。任何人凭网关的公钥，都可以离线重算每一行并核对签名。",
    "The gateway signs every receipt. With its public key anybody can compute each line"
      + " again and verify the signature, offline.",
  ],
  "receipt.key": ["签名密钥", "Signing key"],
  "bill.item": ["项目", "Item"],
  "bill.quantity": ["数量", "Quantity"],
  "bill.rate": ["单价", "Unit price"],
  "bill.amount": ["金额", "Amount"],
  "bill.sum": ["小计", "Sum"],
  "bill.rounding": ["进位到 10⁻⁹ 美元", "Rounded up to 10⁻⁹ dollars"],
  "bill.charge": ["费用", "Charge"],
  "bill.shortfall": ["余额不足，由平台承担", "Beyond the balance, paid by the house"],
  "bill.paid": ["收取", "Charged"],
  "trail.provider": ["供应商", "Provider"],
  "trail.outcome": ["结果", "Result"],
  "trail.status": ["HTTP", "HTTP"],
  "trail.started": ["开始", "Started"],
  "trail.took": ["用时", "Duration"],
  "item.input": ["输入", "Input"],
  "item.cache_read": ["缓存命中", "Cached input"],
  "item.cache_write": ["缓存写入", "Cache write"],
  "item.cache_write_1h": ["缓存写入（1 小时）", "Cache write (1 hour)"],
  "item.output": ["输出", "Output"],
  "item.reasoning": ["思考", "Reasoning"],
  "item.image": ["图片", "Images"],
  "item.generation": ["视频", "Videos"],
  "item.second": ["视频秒数", "Seconds of video"],
  "unit.tokens": ["/ 百万 Token", "/ 1M tokens"],
  "unit.image": ["/ 张", "/ image"],
  "unit.generation": ["/ 段", "/ video"],
  "unit.second": ["/ 秒", "/ second"],
  "evidence.reported": ["供应商返回的用量", "Usage reported by the provider"],
  "evidence.counted": ["按完整回答计数", "Counted from the complete answer"],
  "evidence.estimated": ["没有回答，只计输入", "No answer came; the input was counted"],
  "evidence.partial": ["按已送达部分计数", "Counted from what was delivered"],
  "evidence.invalid": [
    "供应商的用量不可信，按回答计数",
    "The provider's figures cannot be true; the answer was counted",
  ],
  "evidence.none": ["没有产生费用的用量", "Nothing was used that is charged"],
  "outcome.complete": ["完成", "Complete"],
  "outcome.upstream_died": ["供应商中断", "Provider broke off"],
  "outcome.client_left_before_contact": ["调用方提前离开", "Caller left early"],
  "outcome.client_left_before_headers": ["调用方提前离开", "Caller left early"],
  "outcome.client_left_midstream": ["调用方中途离开", "Caller left midway"],
  "outcome.recovered": ["网关中断", "Gateway stopped"],
  "outcome.internal_error": ["网关出错", "Gateway error"],
  "outcome.upstream_error": ["供应商出错", "Provider error"],
  "outcome.upstream_timeout": ["供应商超时", "Provider timeout"],
  "outcome.upstream_overloaded": ["供应商繁忙", "Provider overloaded"],
  "outcome.rate_limit_exceeded": ["超出频率", "Rate limited"],
  "outcome.content_policy_violation": ["内容被拒绝", "Content refused"],
  "outcome.cancelled": ["已取消", "Cancelled"],

  "usage.name": ["用量", "Usage"],
  "usage.by": ["汇总", "Group by"],
  "usage.by_day": ["按天", "Day"],
  "usage.by_model": ["按模型", "Model"],
  "usage.by_key": ["按 API Key", "API key"],
  "usage.measure": ["图表显示", "Chart shows"],
  "usage.period": ["{from} 至 {to}", "{from} to {to}"],
  "usage.chart": ["按天和模型", "By day and model"],
  "usage.day": ["日期（UTC）", "Day (UTC)"],
  "usage.model": ["模型", "Model"],
  "usage.key": ["API Key", "API key"],
  "usage.cost": ["费用", "Cost"],
  "usage.requests": ["请求", "Requests"],
  "usage.failed": ["失败", "Failed"],
  "usage.input": ["输入 Token", "Input tokens"],
  "usage.cached": ["其中缓存", "Cached of it"],
  "usage.output": ["输出 Token", "Output tokens"],
  "usage.images": ["图片", "Images"],
  "usage.videos": ["视频", "Videos"],
  "usage.tokens": ["Token", "Tokens"],
  "usage.empty": ["这段时间没有用量", "No usage in this period"],
  "usage.empty_text": [
    "每天、每个模型和每个 Key 的请求、Token 和费用会汇总在这里。试着调用一次：",
    "Requests, tokens and cost are summed up here by day, model and key. Make a call:",
  ],
  "key_status.revoked": ["已吊销", "revoked"],
  "key_status.expired": ["已过期", "expired"],

  "playground.name": ["试用", "Playground"],

  "settings.name": ["设置", "Settings"],
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

// A word of the server's, in ours; one we do not know stands for itself.
export function term(group, name) {
  const key = `${group}.${name}`;
  return key in WORDS ? word(key) : name;
}

// Takes in the words of a part of the pages that comes later.
export function learn(words) {
  Object.assign(WORDS, words);
}

export function useOtherLanguage() {
  useLanguage(current === "zh" ? "en" : "zh");
}

// Nothing is: whichever the browser asks for. What this browser is not to keep lasts as
// long as the page.
export function useLanguage(wish, { keep = true } = {}) {
  current = wish || preferred();
  if (!keep) return;
  try {
    if (wish) localStorage.setItem(STORED, wish);
    else localStorage.removeItem(STORED);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

// Whether this browser was told a language before.
export function languageChosen() {
  try {
    return localStorage.getItem(STORED) !== null;
  } catch {
    return false;
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
  return preferred();
}

function preferred() {
  const wished = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "zh";
}
