"""The application: HTTP on the outside, visits and answers on the inside.

Everything that knows Flask is here. A request is read into a Visit, an endpoint turns
it into an Answer or raises a Refusal, and both are written in one shape:
`{"success", "message", "data"}`, in the visitor's language.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request, Response, g, redirect, request
from flask.typing import ResponseReturnValue, RouteCallable
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from config.current import Current
from dashboard.actions import ADMIN, AUTH, USER, Action, find_action
from dashboard.callbacks import CALLBACKS, Delivery, Told
from dashboard.fields import read_fields
from dashboard.headers import PRIVATE, REVALIDATE, SECURITY_HEADERS, TLS_ALONE
from dashboard.messages import LANGUAGES, choose_language, say
from dashboard.origins import check_origin, check_token, own_origins
from dashboard.pages import NOT_FOUND, Page, read_pages
from dashboard.passwords import Passwords
from dashboard.refusals import (
    AccountDisabled,
    BadInput,
    ForeignOrigin,
    NotSignedIn,
    OperatorsOnly,
    OurFault,
    Refusal,
    TooLarge,
    Unavailable,
    UnknownPlace,
    WrongMethod,
)
from dashboard.services import Services, make_services, no_models
from dashboard.session import COOKIE, SignedIn, needs_tls
from dashboard.shapes import JSON_TYPE, envelope
from dashboard.visit import Answer, FileBody, Visit
from storage import Storage
from storage.errors import LedgerUnavailable
from storage.replays import (
    NAME_CHARS_MAX,
    KeptAnswer,
    ReplayKey,
    fingerprint,
    is_name,
)

log = logging.getLogger(__name__)

HOME = "/public/dashboard.html"
AGENT_CHARS_MAX = 200
FORM_PARTS_MAX = 100
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(
    storage: Storage,
    current: Current,
    *,
    demo: bool,
    passwords: Passwords | None = None,
    models: Callable[[], Mapping[str, Any]] = no_models,
) -> Flask:
    """The WSGI application for `/`, `/public/*`, `/api/*.php`, `/api/payments/*`."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    # Of what only a restart changes.
    form_bytes = current.settings.listen.form_bytes
    app.config["MAX_CONTENT_LENGTH"] = form_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = form_bytes
    app.config["MAX_FORM_PARTS"] = FORM_PARTS_MAX
    services = make_services(
        storage, current, passwords or Passwords(), demo=demo, models=models
    )
    pages = read_pages()
    mount(app, "/", home, methods=["GET"])
    mount(app, "/public/<path:name>", serve_from(pages), methods=["GET"])
    mount(app, "/api/auth.php", endpoint(services, AUTH), methods=METHODS)
    mount(app, "/api/user.php", endpoint(services, USER), methods=METHODS)
    mount(app, "/api/admin.php", endpoint(services, ADMIN), methods=METHODS)
    for path, (methods, heed) in CALLBACKS.items():
        mount(app, path, callback(services, heed, methods), methods=METHODS)
    app.register_error_handler(Exception, lambda error: write_error(error, pages))
    app.after_request(add_security_headers)
    if current.settings.identity is not None:
        app.after_request(stay_encrypted)
    return app


def mount(
    app: Flask, rule: str, view: RouteCallable, methods: list[str]
) -> None:
    # OPTIONS is not answered: a cross-site preflight finds nobody who agrees.
    app.add_url_rule(
        rule, rule, view, methods=methods, provide_automatic_options=False
    )


def home() -> ResponseReturnValue:
    return redirect(HOME)


def serve_from(pages: Mapping[str, Page]) -> Callable[[str], Response]:
    def serve(name: str) -> Response:
        page = pages.get(name)
        if page is None:
            raise UnknownPlace()
        return write_page(page)

    return serve


def endpoint(
    services: Services, table: Mapping[str, Action]
) -> Callable[[], Response]:
    def answer() -> Response:
        action = find_action(table, request.args.get("action"), request.method)
        proved = action.changes and check_origin(
            request.headers, origins(services, request)
        )
        visit = read_visit(services, request, action, proved)
        return write_answer(services, visit, action.run(services, visit))

    return answer


def callback(
    services: Services,
    heed: Callable[[Services, Delivery], Told],
    methods: list[str],
) -> Callable[[], Response]:
    """For programs that sign what they send: no cookie, no origin, no language."""

    def answer() -> Response:
        if request.method not in methods:
            # HEAD too: a callback that is read without being heard moves nothing.
            raise WrongMethod(", ".join(methods))
        told = heed(
            services,
            Delivery(
                request.method,
                request.query_string,
                request.get_data(parse_form_data=False),
                request.headers.get("Stripe-Signature"),
            ),
        )
        response = Response(told.body, told.status, content_type=told.content_type)
        response.headers["Cache-Control"] = PRIVATE
        return response

    return answer


def read_visit(
    services: Services, request: Request, action: Action, proved: bool
) -> Visit:
    signed_in = services.sessions.find(request.cookies.get(COOKIE))
    # For a refusal too, which is written where nobody knows who is signed in.
    g.language = language_of(request, signed_in)
    if action.private:
        check_private(signed_in)
    if action.operators:
        check_operator(signed_in)
    if action.changes and signed_in is not None:
        sent = request.headers.get("X-CSRF-Token")
        known = check_token(sent, signed_in.csrf_token)
        if not (known or action.bare or (proved and not action.operators)):
            raise ForeignOrigin()
    if signed_in is not None and action.private:
        services.sessions.see(signed_in)
    return Visit(
        address=request.remote_addr or "",
        agent=request.headers.get("User-Agent", "")[:AGENT_CHARS_MAX],
        language=g.language,
        query=request.args.to_dict(),
        fields=read_fields(request) if action.changes else {},
        signed_in=signed_in,
        replay=replay_key(request) if action.once else None,
    )


def replay_key(request: Request) -> ReplayKey | None:
    """The name under which a request is to happen once, if it has one."""
    name = request.headers.get("Idempotency-Key")
    if name is None:
        return None
    if not is_name(name):
        raise BadInput("bad_replay_key", maximum=NAME_CHARS_MAX)
    path = f"{request.path}?action={request.args['action']}"
    return ReplayKey(name, fingerprint(request.method, path, request.get_data()))


def check_private(signed_in: SignedIn | None) -> None:
    if signed_in is None:
        raise NotSignedIn()
    if signed_in.user.status != "active":
        raise AccountDisabled()


def check_operator(signed_in: SignedIn | None) -> None:
    if signed_in is None or signed_in.user.role != "operator":
        raise OperatorsOnly()


def origins(services: Services, request: Request) -> frozenset[tuple[str, str, int]]:
    public_url = services.settings.listen.public_url
    return own_origins(request.scheme, request.host, public_url)


def language_of(request: Request, signed_in: SignedIn | None = None) -> str:
    """The page's own switch, else what the user chose, else what the browser asks."""
    switched = request.headers.get("X-AutoList-Language")
    if switched in LANGUAGES:
        return switched
    if signed_in is not None and signed_in.user.language:
        return signed_in.user.language
    return choose_language(request.headers.get("Accept-Language"))


def write_answer(services: Services, visit: Visit, answer: Answer) -> Response:
    if answer.kept is not None:
        return write_kept(answer.kept)
    if answer.file is not None:
        return write_file(answer.file)
    message = say(answer.word, visit.language, answer.values)
    response = write_json(200, envelope(True, message, answer.data), visit.language)
    if answer.cookie is not None:
        set_cookie(services, response, answer.cookie)
    return response


def set_cookie(services: Services, response: Response, value: str) -> None:
    """Hand the cookie out, or take it back when the value is empty."""
    public_url = services.settings.listen.public_url
    response.set_cookie(
        COOKIE,
        value,
        max_age=services.sessions.seconds if value else 0,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=needs_tls(request.scheme, request.host, public_url),
    )


def write_json(status: int, body: bytes, language: str) -> Response:
    response = Response(body, status, content_type=JSON_TYPE)
    response.headers["Cache-Control"] = PRIVATE
    response.headers["Content-Language"] = language
    return response


def write_kept(kept: KeptAnswer) -> Response:
    """An answer of before, in the language it had then."""
    response = Response(kept.body, kept.status, content_type=kept.media)
    response.headers["Cache-Control"] = PRIVATE
    response.headers["X-AutoList-Replayed"] = "true"
    return response


def write_file(file: FileBody) -> Response:
    """A file, sent as it is made."""
    response = Response(file.pieces, 200, content_type=file.media)
    response.call_on_close(getattr(file.pieces, "close", bool))
    response.headers["Cache-Control"] = PRIVATE
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.headers["X-Accel-Buffering"] = "no"
    return response


def write_page(page: Page, status: int = 200) -> Response:
    response = Response(page.body, status, content_type=page.content_type)
    response.headers["Cache-Control"] = REVALIDATE
    if status != 200:
        return response
    response.set_etag(page.etag)
    response.make_conditional(request)
    return response


def write_error(error: Exception, pages: Mapping[str, Page]) -> Response:
    refusal = as_refusal(error)
    if isinstance(refusal, UnknownPlace) and wants_page(request, pages):
        return write_page(pages[NOT_FOUND], 404)
    language = g.get("language") or language_of(request)
    message = say(refusal.word, language, refusal.values)
    response = write_json(refusal.status, envelope(False, message, None), language)
    response.headers["X-AutoList-Code"] = refusal.word
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, WrongMethod):
        response.headers["Allow"] = refusal.allowed
    return response


def as_refusal(error: Exception) -> Refusal:
    """Whatever went wrong, as one of our kinds."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, LedgerUnavailable):
        return Unavailable()
    if isinstance(error, RequestEntityTooLarge):
        return TooLarge()
    if isinstance(error, NotFound):
        return UnknownPlace()
    if isinstance(error, MethodNotAllowed):
        return WrongMethod(", ".join(sorted(error.valid_methods or ("GET",))))
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return BadInput()
    log.error("web request failed", exc_info=error)
    return OurFault()


def wants_page(request: Request, pages: Mapping[str, Page]) -> bool:
    """People get a page; programs, and everything under /api, get JSON."""
    if request.path.startswith("/api/") or NOT_FOUND not in pages:
        return False
    return "text/html" in request.headers.get("Accept", "")


def stay_encrypted(response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = TLS_ALONE
    return response


def add_security_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
