"""Blemishes: how they are found, and what is known of the picture beneath them."""
