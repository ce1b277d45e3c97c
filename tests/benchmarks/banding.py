"""CAMBI: steps that can be seen where a picture should be smooth, 0 for none, from about 5 on annoying; by libvmaf.

Tandon, Afonso, Sole, Krasula, CAMBI: Contrast-aware Multiscale Banding Index, PCS 2021.
doi:10.1109/PCS50896.2021.9477464. It looks at one picture only; libvmaf wants a reference nonetheless.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg

from tests.benchmarks.peers import RATE, Frames, PeerFailed

VIDEO = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"


def cambi(frames: Frames) -> float:
    """Mean over frames `(T, H, W, 3)`.

    Raises:
        PeerFailed: ffmpeg failed; says its command and what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw, log = Path(folder) / "in.rgb", Path(folder) / "cambi.json"
        frames.tofile(raw)
        graph = f"{VIDEO},split[a][b];[a][b]libvmaf=feature=name=cambi:log_fmt=json:log_path={log}"
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        read = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(RATE), "-i", str(raw)]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error", *read]
        command += ["-lavfi", graph, "-f", "null", "-"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise PeerFailed(f"{' '.join(command)}\n{ran.stderr[-2000:]}")
        return float(json.loads(log.read_text())["pooled_metrics"]["cambi"]["mean"])
