import subprocess
import sys

ALONE = """
import importlib, pkgutil, sys

allowed = {"torch", "numpy", "scipy", "cv2", "pydantic", "colour", "safetensors", "numba"}
ours = {"prefect", "av", "OpenImageIO", "yaml", "rich", "typer", "boto3", "lpips", "matplotlib", "skimage", "ffmpeg",
        "imageio_ffmpeg", "scenedetect", "jinja2", "pynvml", "torchvision", "manifests", "tasks", "flows"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ours:
            raise ModuleNotFoundError(f"{name} is not installed on a GPU box")

sys.meta_path.insert(0, Absent())
import restorers
for module in pkgutil.walk_packages(restorers.__path__, "restorers."):
    importlib.import_module(module.name)
print(len(restorers.RESTORERS))
"""


def test_restorers_import_where_nothing_else_of_ours_is_installed() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 7
