"""Messages kept on disk until a broker confirms them."""
