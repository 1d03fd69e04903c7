"""Tests of the reports: records made by hand, real Chromium, real LibreOffice's rules."""
