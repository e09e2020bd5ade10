"""Alarms (告警): what is wrong now, told once to whoever answers for it, and once more when it is over."""
