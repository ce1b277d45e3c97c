"""Where pictures lie and how they move: flow, smooth fields, and the one resampling that moves a frame."""
