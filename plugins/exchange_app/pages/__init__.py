"""What people see below /exchange, one module a page."""
