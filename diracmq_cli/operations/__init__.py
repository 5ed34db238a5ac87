"""What the commands do, told in ports only: send, consume, peek, tail, list."""
