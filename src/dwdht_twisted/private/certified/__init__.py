"""A network of one's own by certificate."""
