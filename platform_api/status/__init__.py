"""The JSON side of status: one certificate checked, one signature verified."""
