// The words of 充值.

export const WORDS = {
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
};
