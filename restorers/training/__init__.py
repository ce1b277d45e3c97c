"""How our networks learn: one loop for all, and for each network the lesson that says what it learns, and from what."""
