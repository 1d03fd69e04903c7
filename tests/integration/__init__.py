"""Parts of camwatch with real servers, sockets, stores and checkers."""
