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
  "keys.default": ["默认 API Key", "Default API key"],
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
  "keys.more": ["其他 Key", "More keys"],
  "keys.create": ["新建 Key", "Create key"],
  "keys.empty": [
    "给每个程序或成员一个单独的 Key：可分别限额、限模型，并能单独吊销。",
    "Give each program or person a key of its own: with its own cap and models, and"
      + " revoked alone.",
  ],
  "keys.key": ["名称与 Key", "Name and key"],
  "keys.created": ["创建于", "Created"],
  "keys.used": ["最近使用", "Last used"],
  "keys.spent": ["本月 / 限额", "This month / cap"],
  "keys.limits": ["限制", "Limits"],
  "keys.status": ["状态", "Status"],
  "keys.acts": ["操作", "Actions"],
  "keys.edit": ["编辑", "Edit"],
  "keys.edit_limits": ["编辑限制", "Edit limits"],
  "keys.revoke": ["吊销", "Revoke"],
  "keys.today": ["今日", "Today"],
  "keys.total": ["累计", "In all"],
  "keys.until": ["到 {day}", "until {day}"],
  "keys.networks": ["{count} 个网段", "networks: {count}"],
  "keys.show_revoked": ["显示已吊销的 {count} 个", "Show {count} revoked"],
  "keys.hide_revoked": ["收起已吊销的", "Hide revoked"],
  "short.rpm": ["{count} 次/分", "{count} requests/min"],
  "short.tpm": ["{count} Token/分", "{count} tokens/min"],
  "short.concurrency": ["并发 {count}", "{count} at once"],
  "status.active": ["有效", "Active"],
  "status.expired": ["已过期", "Expired"],
  "status.revoked": ["已吊销", "Revoked"],
  "traffic.none": [
    "昨天和今天（UTC）没有请求使用它。",
    "No request used it today or yesterday (UTC).",
  ],
  "traffic.some": [
    "昨天和今天（UTC）有 {count} 次请求使用它，这些程序将开始收到 401。",
    "{count} requests used it today and yesterday (UTC); those programs will get a 401.",
  ],
  "keyform.create": ["新建 Key", "Create a key"],
  "keyform.edit": ["编辑 Key", "Edit key"],
  "keyform.create_submit": ["创建", "Create"],
  "keyform.edit_submit": ["保存", "Save"],
  "keyform.label": ["名称", "Name"],
  "keyform.label_hint": ["例如程序或成员的名字", "Such as the program or person it is for"],
  "keyform.limit_month": ["每月限额（美元）", "Cap a month (US dollars)"],
  "keyform.limit_day": ["每日限额（美元）", "Cap a day (US dollars)"],
  "keyform.limit": ["总限额（美元）", "Cap in all (US dollars)"],
  "keyform.expires_at": ["有效期至", "Valid until"],
  "keyform.empty": ["留空表示不限。", "Left empty, there is no limit."],
  "keyform.more": ["更多限制", "More limits"],
  "keyform.cidrs": ["只允许这些 IP 或网段", "Only from these addresses or networks"],
  "keyform.models": ["只允许这些模型（不选则全部）", "Only these models (none chosen: all)"],
  "made.heading": ["Key 已创建", "Key created"],
  "made.text": [
    "完整的 Key 只显示这一次，请现在复制保存。",
    "The whole key is shown this once. Copy it now.",
  ],
  "made.try": ["可直接运行：", "Runs as it stands:"],
  "made.done": ["完成", "Done"],
  "reveal.heading": ["显示 API Key", "Reveal API key"],
  "reveal.text": ["请再次输入登录密码。", "Enter your password again."],
  "regenerate.heading": ["重新生成 API Key?", "Regenerate the API key?"],
  "regenerate.text": [
    "当前 Key 将立即失效，所有仍在使用它的程序会收到 401，直到换上新的 Key。",
    "The current key stops working at once. Every program that still uses it gets a 401"
      + " until it has the new one.",
  ],
  "regenerate.submit": ["重新生成", "Regenerate"],

  "revoke.heading": ["吊销「{name}」?", "Revoke “{name}”?"],
  "revoke.text": ["吊销后立即失效，不能恢复。", "It stops working at once, for good."],
  "revoke.submit": ["吊销", "Revoke"],
  "revoke.done": ["「{name}」已吊销。", "“{name}” is revoked."],

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
    "可直接粘贴，空格、横线和大小写不影响。",
    "Paste it as it is: spaces, dashes and case do not matter.",
  ],
  "topup.amount": ["金额（美元）", "Amount (US dollars)"],
  "topup.way": ["支付渠道", "Way to pay"],
  "topup.submit": ["充值", "Top up"],
  "topup.go": ["去支付", "Go to payment"],
  "topup.range": ["{minimum} 到 {maximum}", "{minimum} to {maximum}"],
  "way.alipay": ["支付宝", "Alipay"],
  "way.wxpay": ["微信支付", "WeChat Pay"],
  "way.qqpay": ["QQ 钱包", "QQ Wallet"],
  "way.bank": ["云闪付", "UnionPay"],
  "next.voucher": ["兑换后立即到账。", "Credited as soon as it is redeemed."],
  "next.test": [
    "仅演示环境可用，不产生真实付款。",
    "Only in the demo; nothing is paid.",
  ],
  "next.stripe": [
    "将前往 Stripe 支付 {price}；付款确认后自动到账，通常只需几秒。",
    "You pay {price} at Stripe; credited by itself once it is confirmed, usually within"
      + " seconds.",
  ],
  "next.epay": [
    "将前往支付页支付 {price}；付款确认后自动到账，通常只需几秒。",
    "You pay {price} on the next page; credited by itself once it is confirmed, usually"
      + " within seconds.",
  ],
  "topup.done": ["已到账 {amount}，余额 {balance}。", "{amount} credited; balance {balance}."],

  "order.open": [
    "正在等待 {price} 的付款确认，到账后余额增加 {amount}。如已取消付款，无需任何操作。",
    "Waiting for your payment of {price} to be confirmed; {amount} is credited then. If"
      + " you cancelled it, there is nothing to do.",
  ],
  "order.paid": ["已收到付款，余额增加 {amount}。", "Payment received: {amount} credited."],
  "order.failed": [
    "付款未成功，没有扣款。可以重新充值。",
    "The payment did not go through; nothing was taken. You can try again.",
  ],
  "order.expired": [
    "订单已过期，没有扣款。可以重新充值。",
    "The order has expired; nothing was taken. You can place another.",
  ],
  "order.check": ["再查一次", "Check again"],
  "orders.name": ["订单", "Orders"],
  "orders.time": ["时间", "Time"],
  "orders.method": ["方式", "Method"],
  "orders.amount": ["到账", "Credit"],
  "orders.price": ["支付", "Price"],
  "orders.status": ["状态", "Status"],
  "orderstate.open": ["待付款", "Waiting"],
  "orderstate.paid": ["已到账", "Credited"],
  "orderstate.failed": ["未成功", "Failed"],
  "orderstate.expired": ["已过期", "Expired"],

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
  "play.kind": ["类型", "Kind"],
  "play.chat": ["对话", "Chat"],
  "play.image": ["图片", "Image"],
  "play.video": ["视频", "Video"],
  "play.model": ["模型", "Model"],
  "play.unavailable": ["暂不可用", "unavailable"],
  "play.empty": ["暂无可用的模型", "No model is available"],
  "play.empty_text": [
    "管理员接入模型服务后即可在这里试用。",
    "Once the operator has connected a provider, its models can be tried here.",
  ],
  "play.talk": ["对话内容", "Conversation"],
  "play.say": ["消息", "Message"],
  "play.say_hint": ["Enter 发送，Shift + Enter 换行", "Enter sends, Shift + Enter begins a line"],
  "play.hello": ["你好", "Hello"],
  "play.picture": ["一只可爱的橘猫", "A cute orange cat"],
  "play.scene": ["海浪拍打沙滩", "Waves on a beach"],
  "play.send": ["发送", "Send"],
  "play.stop": ["停止", "Stop"],
  "play.clear": ["清空", "Clear"],
  "play.more": ["参数", "Parameters"],
  "play.system": ["系统提示词", "System prompt"],
  "play.temperature": ["温度", "Temperature"],
  "play.max_tokens": ["最多输出 Token", "Most output tokens"],
  "play.live": ["约 {tokens} Token · 约 {cost}", "about {tokens} tokens · about {cost}"],
  "play.tokens": ["输入 {input} · 输出 {output}", "{input} in · {output} out"],
  "play.first": ["首字 {seconds} 秒", "first word {seconds} s"],
  "play.took": ["用时 {seconds} 秒", "took {seconds} s"],
  "play.length": ["到达输出上限", "reached the output limit"],
  "play.receipt": ["收据", "Receipt"],
  "play.settling": ["正在结算…", "Settling…"],
  "play.stopped": ["已停止", "Stopped"],
  "play.broken": ["未完成", "Incomplete"],
  "play.cut": [
    "回答中途断开，只收取已送达的部分。请重试。",
    "The answer broke off; only what arrived is charged. Try again.",
  ],
  "play.prompt": ["提示词", "Prompt"],
  "play.size": ["尺寸", "Size"],
  "play.quality": ["质量", "Quality"],
  "play.style": ["风格", "Style"],
  "play.n": ["张数", "How many"],
  "play.duration": ["时长", "Length"],
  "play.aspect": ["画面比例", "Shape"],
  "play.resolution": ["分辨率", "Resolution"],
  "play.seconds": ["{seconds} 秒", "{seconds} s"],
  "play.make": ["生成", "Generate"],
  "play.making": ["生成中，已 {seconds} 秒", "Being made for {seconds} s"],
  "play.video_text": [
    "通常需要几十秒到几分钟，可以离开此页；失败不收费。",
    "Takes some seconds to some minutes, and goes on when you leave. A failure is free.",
  ],
  "play.progress": ["进度", "Progress"],
  "play.code": ["这次调用的代码", "This call as code"],
  "rate.input": ["输入 {price} / 百万 Token", "input {price} per million tokens"],
  "rate.output": ["输出 {price} / 百万 Token", "output {price} per million tokens"],
  "rate.image": ["{price} / 张", "{price} an image"],
  "rate.generation": ["{price} / 个", "{price} a video"],
  "rate.second": ["{price} / 秒", "{price} a second"],
  "rate.cases": ["部分情况另计", "some cases differ"],
  "video.queued": ["排队中", "Queued"],
  "video.in_progress": ["生成中 {progress}%", "Being made: {progress}%"],
  "video.cancel": ["取消", "Cancel"],
  "video.cancelled": ["已取消", "Cancelled"],
  "video.failed": ["生成失败", "It failed"],
  "video.over": ["{message}（未收费）", "{message} (not charged)"],
  "unlock.heading": ["用您的 Key 试用", "Try it with your key"],
  "unlock.text": [
    "试用以默认 Key 调用模型，按价目扣费。请输入登录密码；离开本站前不再询问。",
    "The playground calls with your default key, at the usual prices. Enter your password"
      + " once; you are not asked again until you leave.",
  ],
  "unlock.submit": ["开始试用", "Start"],

  "settings.name": ["设置", "Settings"],
  "password.heading": ["修改密码", "Change password"],
  "password.now": ["当前密码", "Current password"],
  "password.new": ["新密码", "New password"],
  "password.text": [
    "修改后，其他设备上的登录会全部退出。",
    "Every other device is signed out.",
  ],
  "password.submit": ["修改密码", "Change password"],
  "password.done": [
    "密码已修改，其他设备已退出登录。",
    "Password changed. Other devices are signed out.",
  ],
  "looks.heading": ["语言与外观", "Language and looks"],
  "looks.language": ["语言", "Language"],
  "looks.theme": ["外观", "Theme"],
  "looks.browser": ["跟随浏览器", "As the browser"],
  "looks.zh": ["中文", "Chinese"],
  "looks.en": ["English", "English"],
  "looks.system": ["跟随系统", "As the system"],
  "looks.light": ["浅色", "Light"],
  "looks.dark": ["深色", "Dark"],
  "export.heading": ["导出数据", "Export data"],
  "export.text": [
    "账户资料为 JSON（不含密码和完整的 Key）；交易与用量为 CSV。",
    "The account as JSON, without password or whole keys; transactions and usage as CSV.",
  ],
  "export.account": ["账户资料", "Account"],
  "export.transactions": ["交易记录", "Transactions"],
  "export.usage": ["用量明细", "Usage"],
  "sessions.heading": ["登录的设备", "Signed-in devices"],
  "sessions.device": ["设备", "Device"],
  "sessions.address": ["地址", "Address"],
  "sessions.created": ["登录于", "Signed in"],
  "sessions.seen": ["最近活动", "Last seen"],
  "sessions.current": ["本机", "This device"],
  "sessions.unknown": ["未知设备", "Unknown device"],
  "sessions.revoke": ["退出", "Sign out"],
  "sessions.others": ["退出其他所有设备", "Sign out all others"],
  "sessions.revoked": ["该设备已退出登录。", "That device is signed out."],
  "sessions.others_done": ["已退出其他 {count} 个登录。", "{count} other sign-ins ended."],
  "activity.heading": ["账户活动", "Account activity"],
  "activity.time": ["时间", "Time"],
  "activity.what": ["操作", "What"],
  "activity.from": ["来自", "From"],
  "actor.operator": ["管理员", "An operator"],
  "actor.command": ["管理员（命令行）", "An operator (command line)"],
  "act.registered": ["注册", "Registered"],
  "act.signed_in": ["登录", "Signed in"],
  "act.sign_in_failed": ["登录失败", "Failed sign-in"],
  "act.signed_out": ["退出登录", "Signed out"],
  "act.password_changed": ["修改密码", "Password changed"],
  "act.sessions_revoked": ["退出其他设备", "Devices signed out"],
  "act.key_created": ["新建 Key", "Key created"],
  "act.key_changed": ["修改 Key", "Key changed"],
  "act.key_revoked": ["吊销 Key", "Key revoked"],
  "act.key_regenerated": ["重新生成 Key", "Key regenerated"],
  "act.key_revealed": ["显示 Key", "Key revealed"],
  "act.user_created": ["账户创建", "Account created"],
  "act.user_disabled": ["账户停用", "Account disabled"],
  "act.user_enabled": ["账户启用", "Account enabled"],
  "act.role_changed": ["角色变更", "Role changed"],
  "act.granted": ["赠送余额", "Credit granted"],
  "act.adjusted": ["余额调整", "Balance adjusted"],
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

export function known(name) {
  return name in WORDS;
}

export function useOtherLanguage() {
  useLanguage(current === "zh" ? "en" : "zh");
}

// Nothing is: whichever the browser asks for.
export function useLanguage(wish) {
  try {
    if (wish) localStorage.setItem(STORED, wish);
    else localStorage.removeItem(STORED);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  current = wish || choose();
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
  const wished = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "zh";
}
