"""What is promised and how time is counted: the working-day calendar."""
