"""Pictures drawn anew by a network: what ails them, measured, and the network's work on frames in density."""
