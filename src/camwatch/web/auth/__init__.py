"""Authentication and HTTP hardening: accounts, sessions, throttling, limits, security headers."""

from camwatch.web.auth.authenticator import Authenticator
from camwatch.web.auth.login import LoginFailure, LoginForm, LoginRenderer, login_routes
from camwatch.web.auth.middleware import add_auth, csrf_token, editor, hears_all, viewer
from camwatch.web.auth.setup import AuthReloader, create_authenticator, warn_if_plaintext

__all__ = [
    "AuthReloader",
    "Authenticator",
    "LoginFailure",
    "LoginForm",
    "LoginRenderer",
    "add_auth",
    "create_authenticator",
    "csrf_token",
    "editor",
    "hears_all",
    "login_routes",
    "viewer",
    "warn_if_plaintext",
]
