"""Where each frame of a shot lay, what of that the machine did, and the layer that takes it out."""
