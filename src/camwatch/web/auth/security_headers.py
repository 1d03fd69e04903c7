"""Security headers of every response. Starlette has no middleware for them."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders

_HSTS = "max-age=31536000"
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "permissions-policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def content_policy(images: Iterable[str] = ()) -> str:
    """Return the Content-Security-Policy; `images` are other origins of images, such as map tiles."""
    pictures = " ".join(("'self'", "data:", *images))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        f"img-src {pictures}; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def secure_headers(headers: MutableHeaders, policy: str, *, secure: bool, kept: bool) -> None:
    """Add the headers that a handler has not set itself; `kept`: browsers may cache the response."""
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("content-security-policy", policy)
    if not kept:
        headers.setdefault("cache-control", "no-store")
    if secure:
        headers.setdefault("strict-transport-security", _HSTS)
