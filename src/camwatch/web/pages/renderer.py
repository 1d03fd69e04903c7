"""Renders pages: language and theme of the client, URLs, the context that all pages share, compression.

Pages have no inline script and no inline style.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from camwatch import __version__
from camwatch.i18n import NO_VALUE, Language, languages, own_name
from camwatch.web.auth.middleware import csrf_token
from camwatch.web.auth.paths import is_safe_redirect
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.context import AppContext, MapSettings
from camwatch.web.pages.assets import Assets
from camwatch.web.pages.figures import availability, budget_of, coverage
from camwatch.web.pages.reasons import translate_reason
from camwatch.web.views import fleet, incidents, links
from camwatch.web.views.base import to_datetime

LANG_COOKIE: Final = "camwatch_lang"
THEME_COOKIE: Final = "camwatch_theme"
THEMES: Final = ("auto", "light", "dark")
_A_YEAR_S: Final = 365 * 86_400
_MIN_COMPRESSED: Final = 1024  # bytes; below, gzip gains nothing

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("camwatch.web"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


class PageRenderer:
    """Renders pages. Templates are compiled and languages loaded in advance, not by the first request."""

    def __init__(self, parts: AppContext) -> None:
        self.parts = parts
        for template in _ENVIRONMENT.list_templates():
            _ENVIRONMENT.get_template(template)  # compiles it
        self._languages = {lang: Language(lang, parts.live.timezone) for lang in languages()}
        self.assets = Assets()
        self.look: MapSettings = parts.look or MapSettings()

    def language(self, request: HTTPConnection) -> Language:
        """Return the language that the client chose, else the one that its browser prefers."""
        chosen = self._languages.get(request.cookies.get(LANG_COOKIE, ""))
        return chosen or self._languages[preferred_language(request.headers.get("accept-language", ""))]

    def now(self) -> datetime:
        """Return the time."""
        return to_datetime(self.parts.live.now.utc_ms)

    def render_page(
        self, request: Request, viewer: Principal, template: str, here: str = "", **context: Any
    ) -> Response:
        """Return a page, or a part of one, for an authenticated user.

        On a route of `add_page` below `/partials`, it is the template of the same name in that folder. With a
        `problem` in the context the status is 422.
        """
        if request.scope["route"].path.startswith("/partials/"):
            template = f"partials/{template}"
        live = self.parts.live
        blind = fleet.blind(live, viewer)
        known = live.inventory
        theirs = viewer.visible({row.operator for row in known.cameras.values()}) if blind.now else ()
        whole = set(theirs) <= set(blind.operators)
        names = [known.operators[name].name for name in blind.operators if name in known.operators]
        strains = links.strains(live, viewer)
        shown = {f"link {strain.name}: {strain.trouble}" for strain in strains}
        common = {
            "viewer": viewer,
            "may_edit": viewer.has_role(Role.EDITOR),
            "here": here,
            "live": True,
            "blind": blind,
            "blind_names": "" if whole else ", ".join(names),
            "strains": strains,
            "unready": [why for why in live.not_ready_reasons if viewer.can_see_all and why not in shown],
            "held": live.held if viewer.can_see_all else None,
            "open_incidents": len(incidents.open_incidents(live, viewer)),
        }
        return self.render(request, template, common | context, 422 if context.get("problem") else 200)

    def render(
        self, request: HTTPConnection, template: str, context: Mapping[str, Any], status: int = 200
    ) -> Response:
        """Render a template and return it, compressed if the browser accepts that."""
        w = self.language(request)
        root = request.scope.get("root_path", "")
        theme = request.cookies.get(THEME_COOKIE, "auto")
        now = self.now()
        known = {
            "w": w,
            "_": w.gettext,
            "ngettext": w.ngettext,
            "label": w.label,
            "languages": [(lang, own_name(lang)) for lang in languages()],
            "reason": partial(translate_reason, w),
            "now": now,
            "time": partial(_time, w, now),
            "age": partial(_age, w, now),
            "availability": partial(availability, w),
            "coverage": partial(coverage, w),
            "budget": partial(budget_of, w),
            "zone": str(w.zone),
            "theme": theme if theme in THEMES else "auto",
            "root": root,
            "url": lambda path: root + path,
            "asset": lambda name: root + self.assets.url(name),
            "again": lambda path, **changes: root + _again(request, path, changes),
            "preference": lambda **choice: root + _preference(request, root, choice),
            "csrf_token": csrf_token(request),
            "kiosk": "kiosk" in request.query_params,
            "version": __version__,
            "look": self.look,
            "no_value": NO_VALUE,
            "bare": False,
            "notice": "",
            "viewer": None,
            "may_edit": False,
            "here": "",
            "live": False,
            "blind": None,
            "blind_names": "",
            "strains": (),
            "unready": (),
            "held": None,
            "open_incidents": 0,
        }
        text = _ENVIRONMENT.get_template(template).render(known | dict(context))
        return _gzip(request, text.encode(), status)

    def redirect(self, request: Request, path: str) -> Response:
        """Redirect the browser after a form was accepted."""
        return RedirectResponse(request.scope.get("root_path", "") + path, status_code=303)

    async def save_preference(self, request: Request) -> Response:
        """Save a choice of language or theme in a cookie and redirect to the page it was made on."""
        path = request.query_params.get("next", "/")
        response = self.redirect(request, path if is_safe_redirect(path) else "/")
        for name, cookie, allowed in (("lang", LANG_COOKIE, languages()), ("theme", THEME_COOKIE, THEMES)):
            value = request.query_params.get(name)
            if value is not None and value in allowed:
                response.set_cookie(
                    cookie,
                    value,
                    max_age=_A_YEAR_S,
                    path=request.scope.get("root_path", "") or "/",
                    secure=request.url.scheme == "https",
                    httponly=True,
                    samesite="lax",
                )
        return response


def add_page(router: APIRouter, path: str, handler: Callable[..., Any]) -> None:
    """Add the routes of a page, and of its parts that change: the same path below `/partials`."""
    for prefix in ("", "/partials"):
        router.add_api_route(prefix + path, handler)


def preferred_language(accept_language: str) -> str:
    """Return the language of camwatch that an `Accept-Language` header prefers, else the default."""
    weights = dict.fromkeys(languages(), 0.0)
    for part in accept_language.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        lang = tag.strip().partition("-")[0]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if lang in weights:
            weights[lang] = max(weight, weights[lang])
    return max(weights, key=lambda lang: weights[lang])  # of equals the first: the default


def _time(w: Language, now: datetime, at: datetime | None) -> Markup | str:
    """Return an instant as an element: local, and UTC as its tooltip."""
    return NO_VALUE if at is None else _time_element(w, at, w.format_relative_day(at, now))


def _age(w: Language, now: datetime, at: datetime | None) -> Markup | str:
    """Return the age of an instant as an element that the page keeps up to date."""
    if at is None:
        return NO_VALUE
    return _time_element(w, at, w.format_duration((now - at).total_seconds() * 1000), Markup(" data-ago"))


def _time_element(w: Language, at: datetime, text: str, attribute: str = "") -> Markup:
    return Markup(
        '<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}" title="{1} – {0:%Y-%m-%d %H:%M:%S} UTC"{2}>{3}</time>'
    ).format(at.astimezone(UTC), w.instant(at), attribute, text)


def _again(request: HTTPConnection, path: str, changes: Mapping[str, object]) -> str:
    """Return a path with the current query and the changes to it; empty values are left out."""
    query = [(key, value) for key, value in request.query_params.multi_items() if key not in changes]
    query += [(key, str(value)) for key, value in changes.items() if value not in (None, "", 0)]
    return f"{path}?{urlencode(query)}" if query else path


def _preference(request: HTTPConnection, root: str, choice: Mapping[str, str]) -> str:
    here = request.url.path.removeprefix(root) or "/"
    if request.url.query:
        here += f"?{request.url.query}"
    return f"/preferences?{urlencode({**choice, 'next': here})}"


def _gzip(request: HTTPConnection, content: bytes, status: int) -> Response:
    headers = {"vary": "accept-encoding, accept-language, cookie"}
    if len(content) >= _MIN_COMPRESSED and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        content = gzip.compress(content, 5)
    return Response(content, status, headers, media_type="text/html")
