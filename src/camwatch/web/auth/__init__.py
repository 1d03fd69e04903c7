"""Who is let in, as whom, and what the door keeps out: accounts, sessions, limits, headers."""

from camwatch.web.auth.authenticator import Access
from camwatch.web.auth.login import Failure, Form, LoginPage, login_routes
from camwatch.web.auth.middleware import csrf_token, editor, hears_all, viewer, wrap
from camwatch.web.auth.setup import Keeper, open_access, warn_of_clear_text

__all__ = [
    "Access",
    "Failure",
    "Form",
    "Keeper",
    "LoginPage",
    "csrf_token",
    "editor",
    "hears_all",
    "login_routes",
    "open_access",
    "viewer",
    "warn_of_clear_text",
    "wrap",
]
