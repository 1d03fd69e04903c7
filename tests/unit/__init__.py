"""Pure code: no program, no socket, no database."""
