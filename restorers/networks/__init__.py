"""Small networks of our own: one architecture a module, its weights and their card beside it.

A network's files are `<name>.safetensors` and `<name>.json`. The card says what the weights are: their digest, what
made them, from which data and under which licence, what they score, and what they must not be used for. Weights are
verified before they are loaded (`weights.opened`), and their digest is part of the recipe of every examination by a
restorer that names them in `Restorer.networks`. They are trained by `reelwright train <name>`.

A network that puts pixels of its own into the film has a number, which its pixels bear in the synthesis map.
"""

NUMBERS = {"painter": 1, "detector": 2, "brought": 3, "imaginer": 4}
"""The number m of each network, for `Origin.GENERATED + m`; a number once given is never given to another.

`brought` stands for all networks that people bring: which one it was is in the remedy.
"""
