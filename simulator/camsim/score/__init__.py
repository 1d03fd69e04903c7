"""Marks camwatch against what really happened: how soon, how rightly, how often wrongly it judged.

It reads camwatch's own record, by its documented tables or its API, and shares no code with it.
"""
