"""What color film is made of: three dyes on a base, as light passes through them and as they fade.

Nothing here knows of frames: it is spectra and amounts of dye. `stocks` is what is known of films that were sold,
`scanner` what looks at them, `film` the two together, `fade` what time does, `fit` what can be told of it by places
that were neutral once.
"""
