"""The schema as Peewee models: what a row has, for reports and for reading.

Constraints and triggers live in the migrations, which are the schema's history; a test
compares these models with what the migrations make, column by column. Every money
column is an integer: Peewee's DecimalField is a REAL in SQLite. The models are bound to
no database; a query is given the one it runs on.
"""

from playhouse.apsw_ext import (
    BigIntegerField,
    BlobField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)


class Table(Model):  # type: ignore[misc]
    class Meta:
        legacy_table_names = False
        strict_tables = True


class Account(Table):
    id = IntegerField(primary_key=True)
    kind = TextField()
    owner = TextField(unique=True)
    status = TextField()
    credits_posted = BigIntegerField()
    debits_posted = BigIntegerField()
    debits_pending = BigIntegerField()
    created_ns = BigIntegerField()


class User(Table):
    id = TextField(primary_key=True)
    email = TextField(unique=True)
    password_hash = TextField()
    role = TextField()
    account_id = IntegerField(unique=True)
    created_ns = BigIntegerField()
    language = TextField()


class Key(Table):
    id = IntegerField(primary_key=True)
    account_id = IntegerField(index=True)
    hash = BlobField(unique=True)
    mask = TextField()
    sealed = BlobField()
    label = TextField()
    status = TextField()
    is_default = IntegerField()
    rpm = IntegerField(null=True)
    tpm = IntegerField(null=True)
    concurrency = IntegerField(null=True)
    open_holds = IntegerField()
    window_ns = BigIntegerField()
    window_requests = IntegerField()
    window_tokens = IntegerField()
    created_ns = BigIntegerField()
    revoked_ns = BigIntegerField(null=True)
    limit_nano = BigIntegerField(null=True)
    limit_day_nano = BigIntegerField(null=True)
    limit_month_nano = BigIntegerField(null=True)
    spent_nano = BigIntegerField()
    pending_nano = BigIntegerField()
    expires_ns = BigIntegerField(null=True)
    models = TextField(null=True)
    cidrs = TextField(null=True)


class Spending(Table):
    key_id = IntegerField()
    day = IntegerField()
    spent_nano = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("key_id", "day")


class Price(Table):
    id = TextField(primary_key=True)
    model = TextField()
    effective_from_ns = BigIntegerField()
    sell = TextField()
    buy = TextField()
    recorded_ns = BigIntegerField()


class Boot(Table):
    id = TextField(primary_key=True)
    pid = IntegerField()
    host = TextField()
    started_ns = BigIntegerField()
    lease_ns = BigIntegerField(null=True)


class Hold(Table):
    id = TextField(primary_key=True)
    account_id = IntegerField()
    key_id = IntegerField()
    amount_nano = BigIntegerField()
    extended_nano = BigIntegerField()
    price_id = TextField()
    model = TextField()
    tokens = IntegerField()
    window_ns = BigIntegerField()
    state = TextField()
    reason = TextField(null=True)
    boot_id = TextField()
    opened_ns = BigIntegerField()
    closed_ns = BigIntegerField(null=True)


class Transfer(Table):
    seq = IntegerField(primary_key=True)
    id = TextField(unique=True)
    code = TextField()
    debit_id = IntegerField()
    credit_id = IntegerField()
    amount_nano = BigIntegerField()
    buy_nano = BigIntegerField()
    account_id = IntegerField(null=True)
    balance_nano = BigIntegerField(null=True)
    hold_id = TextField(null=True)
    reverses = TextField(null=True)
    ref = TextField(null=True)
    reason = TextField(null=True)
    author = TextField(null=True)
    at_ns = BigIntegerField()
    prev_hash = BlobField()
    hash = BlobField()
    request_hash = BlobField(null=True)


class Usage(Table):
    request_id = TextField(primary_key=True)
    account_id = IntegerField()
    key_id = IntegerField()
    price_id = TextField()
    model = TextField()
    provider = TextField()
    upstream_model = TextField()
    evidence = TextField()
    input = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    output = IntegerField()
    other = TextField(null=True)
    cost_pico = TextField()
    cost_nano = BigIntegerField()
    paid_nano = BigIntegerField()
    shortfall_nano = BigIntegerField()
    outcome = TextField()
    status = IntegerField()
    attempts = IntegerField()
    first_byte_ms = IntegerField(null=True)
    total_ms = IntegerField()
    tokens = IntegerField()
    stream = IntegerField()
    at_ns = BigIntegerField()
    buy_pico = TextField()
    buy_nano = BigIntegerField()
    upstream_id = TextField()
    finish = TextField()
    trail = TextField(null=True)


class UsageDay(Table):
    account_id = IntegerField()
    day = IntegerField()
    key_id = IntegerField()
    model = TextField()
    requests = IntegerField()
    failed = IntegerField()
    input = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    output = IntegerField()
    images = IntegerField()
    videos = IntegerField()
    cost_nano = BigIntegerField()
    paid_nano = BigIntegerField()
    buy_nano = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("account_id", "day", "key_id", "model")


class Replay(Table):
    account_id = IntegerField()
    name = TextField()
    fingerprint = BlobField()
    request_id = TextField(unique=True)
    opened_ns = BigIntegerField(index=True)
    status = IntegerField(null=True)
    media = TextField(null=True)
    body = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("account_id", "name")


class Job(Table):
    id = TextField(primary_key=True)
    request_id = TextField(unique=True)
    account_id = IntegerField()
    key_id = IntegerField()
    model = TextField()
    state = TextField()
    version = IntegerField()
    ask = TextField()
    leg = IntegerField()
    provider = TextField()
    upstream_model = TextField()
    credential = TextField()
    task = TextField(null=True)
    progress = IntegerField()
    upstream_state = TextField()
    polls = IntegerField()
    faults = IntegerField()
    next_ns = BigIntegerField()
    deadline_ns = BigIntegerField()
    boot_id = TextField(null=True)
    trail = TextField(null=True)
    media = TextField(null=True)
    address = TextField(null=True)
    error_code = TextField(null=True)
    error_message = TextField(null=True)
    error_status = IntegerField(null=True)
    created_ns = BigIntegerField()
    submitted_ns = BigIntegerField(null=True)
    ended_ns = BigIntegerField(null=True)
    deleted_ns = BigIntegerField(null=True)
    cancel_ns = BigIntegerField(null=True)


class Voucher(Table):
    code_hash = BlobField(primary_key=True)
    amount_nano = BigIntegerField()
    batch = TextField()
    created_ns = BigIntegerField()
    spent_by = IntegerField(null=True)
    spent_ns = BigIntegerField(null=True)
    transfer_id = TextField(null=True, unique=True)


class PaymentOrder(Table):
    id = TextField(primary_key=True)
    account_id = IntegerField()
    name = TextField(null=True)
    method = TextField()
    amount_nano = BigIntegerField()
    currency = TextField()
    minor = BigIntegerField()
    state = TextField()
    object_id = TextField(null=True)
    payment_id = TextField(null=True)
    transfer_id = TextField(null=True, unique=True)
    reversals = IntegerField()
    reversed_nano = BigIntegerField()
    taken_nano = BigIntegerField()
    created_ns = BigIntegerField()
    ended_ns = BigIntegerField(null=True)


class PaymentReversal(Table):
    method = TextField()
    id = TextField()
    payment_id = TextField()
    kind = TextField()
    currency = TextField()
    minor = BigIntegerField()
    standing = TextField()
    received_ns = BigIntegerField(index=True)

    class Meta:
        primary_key = CompositeKey("method", "id")


class PaymentEvent(Table):
    method = TextField()
    id = TextField()
    type = TextField()
    order_id = TextField(null=True)
    digest = BlobField()
    outcome = TextField()
    detail = TextField()
    problem = IntegerField()
    deliveries = IntegerField()
    received_ns = BigIntegerField(index=True)
    resolution = TextField(null=True)
    resolved_by = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("method", "id")


class Session(Table):
    token_hash = BlobField(primary_key=True)
    user_id = TextField()
    created_ns = BigIntegerField()
    expires_ns = BigIntegerField()
    address = TextField()
    agent = TextField()
    seen_ns = BigIntegerField()


class Act(Table):
    id = TextField(primary_key=True)
    at_ns = BigIntegerField()
    what = TextField()
    actor_id = TextField(null=True)
    user_id = TextField(null=True)
    target = TextField()
    address = TextField()
    details = TextField()


class Secret(Table):
    id = IntegerField(primary_key=True)
    digest = BlobField()


class Revision(Table):
    id = IntegerField(primary_key=True)
    number = IntegerField()


class Migration(Table):
    name = TextField(primary_key=True)
    applied_ns = BigIntegerField()


TABLES = (
    Account,
    User,
    Key,
    Spending,
    Price,
    Boot,
    Hold,
    Transfer,
    Usage,
    UsageDay,
    Replay,
    Job,
    Voucher,
    PaymentOrder,
    PaymentReversal,
    PaymentEvent,
    Session,
    Act,
    Secret,
    Revision,
    Migration,
)
