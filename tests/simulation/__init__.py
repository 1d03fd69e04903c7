"""A fleet's life on a virtual clock, judged by the daemon's real parts and by a second opinion."""
