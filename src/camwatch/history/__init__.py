"""What is remembered: one SQL store, the same over SQLite and PostgreSQL.

Changes are stored, figures are derived (`camwatch.accounting.timeline`). One thread writes; nothing here
waits in the event loop.
"""
