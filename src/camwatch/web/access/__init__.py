"""Who is let in, as whom, and what the door keeps out: accounts, sessions, limits, headers."""

from camwatch.web.access.guard import admin, csrf_token, editor, viewer, wrap

__all__ = ["admin", "csrf_token", "editor", "viewer", "wrap"]
