"""The message bus on RabbitMQ: its topology, and how to publish on it and consume from it."""
