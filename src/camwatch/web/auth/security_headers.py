"""What every answer says to the browser: load nothing of others, run nothing inline, be in nobody's frame."""

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
    """Return the Content-Security-Policy; `images` are further origins of pictures, such as map tiles."""
    pictures = " ".join(("'self'", "data:", *images))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        f"img-src {pictures}; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def secure_headers(headers: MutableHeaders, policy: str, *, secure: bool, kept: bool) -> None:
    """Add what is missing; a handler may have said something stricter or narrower itself.

    `kept` is whether browsers may keep the answer without asking: files that are the same for all.
    """
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("content-security-policy", policy)
    if not kept:
        headers.setdefault("cache-control", "no-store")
    if secure:
        headers.setdefault("strict-transport-security", _HSTS)
