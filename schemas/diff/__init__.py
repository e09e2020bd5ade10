"""What differs between two shapes of an endpoint, and what that does to those who read it and those who write to it."""
