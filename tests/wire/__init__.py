"""What cameras say, tested as bytes and as values."""
