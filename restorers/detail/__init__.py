"""Picture and grain, told apart: measured, fused, enlarged and laid again."""
