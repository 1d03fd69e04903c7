"""What cameras say, as bytes and as values. Pure."""
