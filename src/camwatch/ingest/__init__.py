"""How messages arrive: supervised sessions with MQTT brokers."""
