"""What the lander has landed, from the names of its files alone."""
