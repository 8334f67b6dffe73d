"""The glossary: every sentence the web endpoints say, in both languages.

Code names a word, the edge of the application picks the language. Chinese is the
default because the customer's document is Chinese; English is for those who ask for
it with Accept-Language.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)


class Text(NamedTuple):
    zh: str
    en: str


GLOSSARY: Mapping[str, Text] = MappingProxyType(
    {
        # What went well.
        "registered": Text("注册成功", "Account created"),
        "signed_in": Text("登录成功", "Signed in"),
        "signed_out": Text("已退出登录", "Signed out"),
        "done": Text("获取成功", "OK"),
        "order_opened": Text(
            "订单已创建，请前往支付", "Order placed; pay it at the address given"
        ),
        "product": Text("账户充值 ${amount}", "Balance ${amount}"),
        "topped_up": Text("充值成功", "Top-up complete"),
        "key_regenerated": Text(
            "API Key 已重新生成，旧的已立即失效",
            "New API key created; the old one stopped working at once",
        ),
        "saved": Text("已保存", "Saved"),
        "key_created": Text(
            "API Key 已创建，请立即保存，之后不再显示",
            "API key created; copy it now, it is not shown again",
        ),
        "key_changed": Text("API Key 已更新", "API key updated"),
        "key_revoked": Text(
            "API Key 已撤销，立即失效", "API key revoked; it stopped working at once"
        ),
        "password_changed": Text(
            "密码已修改，其他设备已退出登录",
            "Password changed; every other device is signed out",
        ),
        "session_revoked": Text("该设备已退出登录", "That device is signed out"),
        "sessions_revoked": Text(
            "其他设备均已退出登录", "Every other device is signed out"
        ),
        # What was wrong with the input.
        "bad_number": Text(
            "参数 {name} 应为有效的整数", "Parameter {name} must be a whole number"
        ),
        "bad_list": Text(
            "参数 {name} 应为 1 到 {maximum} 项的列表",
            "Parameter {name} must be a list of 1 to {maximum} items",
        ),
        "bad_day": Text(
            "参数 {name} 应为日期，如 2026-11-23",
            "Parameter {name} must be a day such as 2026-11-23",
        ),
        "bad_days": Text(
            "日期范围不正确，最多 {maximum} 天",
            "The days are not a range, or more than {maximum}",
        ),
        "bad_type": Text(
            "参数 type 不正确，可用：{types}", "Parameter type is one of {types}"
        ),
        "bad_group": Text(
            "参数 by 不正确，可用：{groups}", "Parameter by is one of {groups}"
        ),
        "bad_status": Text(
            "参数 status 不正确，可用：{statuses}",
            "Parameter status is one of {statuses}",
        ),
        "bad_label": Text(
            "名称最多 {maximum} 个可打印字符",
            "A name has at most {maximum} printable characters",
        ),
        "bad_cap": Text(
            "参数 {name} 应为金额，如 12.50，且不为负",
            "Parameter {name} must be an amount such as 12.50, not below zero",
        ),
        "bad_expiry": Text(
            "到期时间应为将来的日期或带时区的时间",
            "The expiry must be a future day, or a future time with its zone",
        ),
        "bad_model": Text(
            "模型列表中有不存在的模型", "One of the models does not exist"
        ),
        "bad_network": Text(
            "地址应为 IP 或网段，如 10.0.0.0/8，最多 {maximum} 个",
            "Addresses are IPs or networks such as 10.0.0.0/8, at most {maximum}",
        ),
        "bad_language": Text("语言应为 zh 或 en", "The language is zh or en"),
        "bad_reason": Text(
            "请填写原因，最多 {maximum} 个字符",
            "Say why, in at most {maximum} characters",
        ),
        "bad_money": Text(
            "金额不正确，最多 {maximum} 美元",
            "The amount is not valid: at most {maximum} dollars, and not zero",
        ),
        "bad_count": Text(
            "数量应为 1 到 {maximum}", "The count must be 1 to {maximum}"
        ),
        "bad_input": Text("请求参数错误", "The request cannot be used as sent"),
        "bad_json": Text(
            "请求内容不是有效的 JSON 对象", "The body is not a valid JSON object"
        ),
        "bad_text": Text(
            "参数 {name} 应为文本", "Parameter {name} must be plain text"
        ),
        "bad_email": Text("邮箱格式不正确", "That is not a valid e-mail address"),
        "short_password": Text(
            "密码至少{minimum}位", "The password needs at least {minimum} characters"
        ),
        "long_password": Text(
            "密码过长，最多 {maximum} 字节",
            "The password is too long: at most {maximum} bytes",
        ),
        "missing_credentials": Text(
            "请填写邮箱和密码", "Enter your e-mail address and password"
        ),
        "missing_password": Text("请输入密码", "Enter your password"),
        "missing_action": Text(
            "缺少参数 action", "The parameter action is missing"
        ),
        "bad_limit": Text(
            "参数 limit 应为 1 到 {maximum} 的整数",
            "Parameter limit must be a whole number from 1 to {maximum}",
        ),
        "bad_cursor": Text(
            "参数 before 不正确，请使用上一页返回的 next",
            "Parameter before is not valid: use next from the previous page",
        ),
        "bad_method_of_payment": Text(
            "不支持该充值方式，可用：{methods}",
            "That payment method is not available here; available: {methods}",
        ),
        "bad_amount": Text(
            "充值金额应在 {minimum} 到 {maximum} 美元之间",
            "The amount must be between {minimum} and {maximum} dollars",
        ),
        "bad_way_to_pay": Text(
            "不支持该支付类型，可用：{types}",
            "That way to pay is not available here; available: {types}",
        ),
        "bad_signature": Text("签名无效", "The signature is not valid"),
        "bad_replay_key": Text(
            "请求头 Idempotency-Key 应为 1 到 {maximum} 个可打印 ASCII 字符",
            "Header Idempotency-Key must be 1 to {maximum} printable ASCII characters",
        ),
        "missing_code": Text("请填写兑换码", "Enter the voucher code"),
        "voucher_unknown": Text(
            "兑换码无效，请检查后再试",
            "That voucher code is not valid; check it and try again",
        ),
        # Who may not.
        "not_signed_in": Text("请先登录", "Please sign in first"),
        "wrong_credentials": Text(
            "邮箱或密码错误", "E-mail address or password is wrong"
        ),
        "wrong_password": Text("密码不正确", "The password is wrong"),
        "account_disabled": Text(
            "账户已被禁用，请联系管理员",
            "This account is disabled; please contact the operator",
        ),
        "operators_only": Text(
            "仅限管理员访问", "Only operators may do that"
        ),
        "foreign_origin": Text(
            "请求来源不被允许，请刷新页面后重试",
            "This request did not come from this site; reload the page and try again",
        ),
        # What is not there, or not any more.
        "unknown_place": Text("页面不存在", "There is nothing at this address"),
        "unknown_action": Text("未知操作", "There is no such action"),
        "wrong_method": Text(
            "请求方法不正确，请使用 {allowed}", "Wrong method: use {allowed}"
        ),
        "unknown_order": Text("订单不存在", "There is no such order"),
        "method_off": Text(
            "该充值方式未启用", "This payment method is switched off here"
        ),
        "too_many_orders": Text(
            "未支付的订单过多（最多 {maximum} 个），请先支付或稍后再试",
            "Too many orders wait to be paid (at most {maximum}); pay one, or wait",
        ),
        "unknown_key": Text("没有这个 API Key", "There is no such API key"),
        "unknown_session": Text("没有这个会话", "There is no such session"),
        "unknown_request": Text("没有这条记录", "There is no such request"),
        "unknown_user": Text("没有这个用户", "There is no such user"),
        "unknown_problem": Text(
            "没有这条待处理的支付问题", "There is no such problem with a payment"
        ),
        "too_many_keys": Text(
            "最多可有 {maximum} 个 API Key，请先撤销一个",
            "There are {maximum} API keys already; revoke one first",
        ),
        "default_key": Text(
            "默认 API Key 不能撤销，请重新生成",
            "The default API key cannot be revoked; generate a new one instead",
        ),
        "oneself": Text(
            "不能禁用自己的账户", "You cannot disable your own account"
        ),
        "ref_used": Text(
            "该编号已用于另一笔操作", "That reference was used for something else"
        ),
        "conflict": Text("操作冲突", "Something else happened first"),
        "email_taken": Text(
            "该邮箱已被注册", "That e-mail address already has an account"
        ),
        "voucher_own": Text(
            "您已使用过该兑换码", "You have already used this voucher code"
        ),
        "voucher_spent": Text(
            "该兑换码已被使用", "That voucher code has already been used"
        ),
        "key_reused": Text(
            "该 Idempotency-Key 已用于其他请求，请更换后再试",
            "That Idempotency-Key was used for another request; send a new one",
        ),
        "no_key": Text(
            "当前没有可用的 API Key，请重新生成",
            "There is no API key at the moment; generate a new one",
        ),
        "too_large": Text("请求内容过大", "The request is too large"),
        # Come back later.
        "throttled": Text(
            "操作过于频繁，请 {seconds} 秒后再试",
            "Too many attempts; try again in {seconds} seconds",
        ),
        "payment_failed": Text(
            "支付服务拒绝了该订单，未扣款，请换一种方式或联系管理员",
            "The payment provider refused the order; nothing was charged",
        ),
        "unavailable": Text(
            "服务暂时不可用，本次操作未生效，请稍后再试",
            "Temporarily unavailable and nothing was changed; try again shortly",
        ),
        "our_fault": Text(
            "服务器内部错误，请稍后再试", "Something broke on our side; try again later"
        ),
        # Kinds of transfers, as the list of transactions tells them.
        "kind_welcome": Text("注册赠送", "Welcome credit"),
        "kind_promo": Text("赠送余额", "Credit from the operator"),
        "kind_topup": Text("充值", "Top-up"),
        "kind_voucher": Text("兑换码充值", "Voucher"),
        "kind_stripe": Text("银行卡充值", "Card payment"),
        "kind_epay": Text("在线支付充值", "Online payment"),
        "kind_test": Text("测试充值", "Test top-up"),
        "kind_usage": Text("调用 {model}", "Call to {model}"),
        "kind_late": Text("补记调用 {model}", "Late charge for {model}"),
        "kind_refund": Text("退款", "Refund"),
        "kind_other": Text("账务调整", "Adjustment"),
    }
)


def say(word: str, language: str, values: Mapping[str, object] | None = None) -> str:
    text = GLOSSARY[word]
    sentence = text.en if language == ENGLISH else text.zh
    return sentence.format(**values) if values else sentence


def choose_language(accept_language: str | None) -> str:
    """The visitor's language of the two we speak; Chinese when nothing is said."""
    wishes = parse_accept_header(accept_language, LanguageAccept)
    for tag, quality in wishes:
        language = tag.lower().partition("-")[0]
        if language in LANGUAGES and quality > 0:
            return language
    return CHINESE
