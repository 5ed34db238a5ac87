"""A private RabbitMQ with its own CA, users and proxies, for trying and testing."""
