"""What every page has in common: the language and the theme of whoever looks, addresses, and the sending.

A page is rendered whole, packed, and sent at once; nothing in it is inline script or style.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from camwatch import __version__
from camwatch.i18n import LANGS, NO_VALUE, Lang
from camwatch.web.auth.middleware import csrf_token
from camwatch.web.auth.paths import is_safe_redirect
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.context import AppContext, MapSettings
from camwatch.web.pages.assets import Assets
from camwatch.web.pages.formatting import Language, preferred
from camwatch.web.pages.reasons import reason_in
from camwatch.web.views import fleet, incidents, links
from camwatch.web.views.base import to_datetime

LANG_COOKIE: Final = "camwatch_lang"
THEME_COOKIE: Final = "camwatch_theme"
THEMES: Final = ("auto", "light", "dark")
_A_YEAR: Final = 365 * 86_400
_PACK_FROM: Final = 1024  # bytes; less gains nothing

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("camwatch.web"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


class PageRenderer:
    """Renders pages for whoever asks. What a first view would wait for is done when it is made."""

    def __init__(self, parts: AppContext) -> None:
        self.parts = parts
        for template in _ENVIRONMENT.list_templates():
            _ENVIRONMENT.get_template(template)  # compiles it
        for lang in LANGS:
            _language(lang, parts.live.timezone)
        self.assets = Assets()
        self.look: MapSettings = parts.look or MapSettings()

    # --- who asks, and how they want it

    def language(self, request: HTTPConnection) -> Language:
        """Return the language of whoever asks: as they chose, or as their browser does."""
        chosen = request.cookies.get(LANG_COOKIE)
        for lang in LANGS:
            if chosen == lang:
                return _language(lang, self.parts.live.timezone)
        return _language(preferred(request.headers.get("accept-language", "")), self.parts.live.timezone)

    def now(self) -> datetime:
        """Return the time."""
        return to_datetime(self.parts.live.now.utc_ms)

    # --- what goes out

    def render_page(
        self, request: Request, viewer: Principal, template: str, here: str = "", **context: Any
    ) -> Response:
        """Return a page, or a part of one, for somebody who was let in."""
        live = self.parts.live
        blind = fleet.blind(live, viewer)
        known = live.inventory
        theirs = viewer.visible({row.operator for row in known.cameras.values()}) if blind.now else ()
        whole = set(theirs) <= set(blind.operators)
        names = [known.operators[name].name for name in blind.operators if name in known.operators]
        strains = links.strains(live, viewer)
        said = {f"link {strain.name}: {strain.trouble}" for strain in strains}
        common = {
            "viewer": viewer,
            "may_edit": viewer.has_role(Role.EDITOR),
            "here": here,
            "live": True,
            "blind": blind,
            "blind_names": "" if whole else ", ".join(names),
            "strains": strains,
            "unready": [why for why in live.not_ready_reasons if why not in said]
            if viewer.can_see_all
            else [],
            "held": live.held if viewer.can_see_all else None,
            "open_incidents": len(incidents.open_incidents(live, viewer)),
        }
        return self.render(request, template, common | context)

    def render(
        self, request: HTTPConnection, template: str, context: Mapping[str, Any], status: int = 200
    ) -> Response:
        """Render a template and return it, packed where the browser takes that."""
        w = self.language(request)
        root = request.scope.get("root_path", "")
        theme = request.cookies.get(THEME_COOKIE, "auto")
        known = {
            "w": w,
            "t": w.text,
            "reason": partial(reason_in, w.lang),
            "now": self.now(),
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
            "none_": NO_VALUE,
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
        """Send the browser elsewhere, after a form was taken."""
        return RedirectResponse(request.scope.get("root_path", "") + path, status_code=303)

    def save_preference(self, request: Request) -> Response:
        """Keep a choice of language or theme in a cookie and go back to where it was made."""
        path = request.query_params.get("next", "/")
        response = self.redirect(request, path if is_safe_redirect(path) else "/")
        for name, cookie, allowed in (("lang", LANG_COOKIE, LANGS), ("theme", THEME_COOKIE, THEMES)):
            value = request.query_params.get(name)
            if value is not None and value in allowed:
                response.set_cookie(
                    cookie,
                    value,
                    max_age=_A_YEAR,
                    path=request.scope.get("root_path", "") or "/",
                    secure=request.url.scheme == "https",
                    httponly=True,
                    samesite="lax",
                )
        return response


@lru_cache(maxsize=8)
def _language(lang: Lang, zone: ZoneInfo) -> Language:
    return Language(lang, zone)


def _again(request: HTTPConnection, path: str, changes: Mapping[str, object]) -> str:
    """Return a path with the present query, but for what changes; a new filter begins at the first page."""
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
    if len(content) >= _PACK_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        content = gzip.compress(content, 5)
    return Response(content, status, headers, media_type="text/html")
