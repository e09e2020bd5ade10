"""Who really uses which columns of what, and how that is known."""
