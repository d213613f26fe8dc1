"""What the coordinator knows and decides, as values: no input, output, clock or chance in here."""
