"""Facts gathered from topics and Redis, without rendering: commands and other readers share them."""
