"""Distinguished names in the one form used everywhere: CS entries, broker users, ``user_id``, headers."""
