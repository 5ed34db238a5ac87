"""RabbitMQ set up from the CS: plugin, topology, users, permissions, configuration files."""
