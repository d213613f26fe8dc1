"""The lines that docs/browser-uploads.md gives are JavaScript, and the hook is as short as it says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "browser-uploads.md"
BLOCKS = re.findall(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["uppy 6", "uppy 5", "hook"])
def test_each_block_is_a_module_that_node_reads(block: str, tmp_path: Path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    module = tmp_path / "block.mjs"
    module.write_text(block)

    done = subprocess.run(
        [node, "--check", str(module)], check=False, capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stderr


def test_the_hook_has_about_60_lines():
    assert len(BLOCKS[-1].splitlines()) <= 70
