"""Numbers in, numbers out: the treatments, and what they share.

Restorers know no disk, network, scheduler or clock. They run where only torch, numpy, scipy, opencv, pydantic,
colour-science and safetensors are installed.
"""

from typing import Annotated, get_args

from pydantic import Field

from restorers.decay import DecayCorrection
from restorers.deflicker import Deflicker
from restorers.enhancement import Enhancement
from restorers.mastering import HdrMastering, SdrMastering
from restorers.repair import Repair
from restorers.restorer import Restorer
from restorers.stabilization import Stabilization

Treatment = Annotated[
    DecayCorrection | Stabilization | Deflicker | Repair | Enhancement,
    Field(discriminator="kind"),
]
"""What a manifest may prescribe; a new treatment is added here and nowhere else."""

Mastering = SdrMastering | HdrMastering
"""How a delivery may be graded for a display."""

RESTORERS: dict[str, type[Restorer]] = {
    restorer.model_fields["kind"].default: restorer
    for restorer in (*get_args(get_args(Treatment)[0]), *get_args(Mastering))
}
"""Every restorer by the kind that manifests and layers call it."""
