"""The light of a shot: what of it is the scene's, and what flickers."""
