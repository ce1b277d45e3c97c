"""What undoing the fading of dyes is made of, below the treatment."""
