"""Write a bill of materials, CycloneDX 1.6 JSON: `sbom.py NAME VERSION PACKAGES OUT`. Standard library only.

Runs inside an image build: lists the Debian packages of the image and the Python packages of a folder. The file
holds no date and no random number, so that two builds of the same input give the same file.
"""

import json
import re
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

_DPKG = Path("/var/lib/dpkg/status")


def main(name: str, version: str, packages: Path, out: Path) -> None:
    components = [*_debian(), *_python(packages)]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": "image", "name": name, "version": version},
            "tools": {"components": [{"type": "application", "name": "netanomaly images/sbom.py"}]},
        },
        "components": components,
        "dependencies": [{"ref": "image", "dependsOn": [component["bom-ref"] for component in components]}],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "sbom.cdx.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _debian() -> list[dict[str, Any]]:
    found = []
    for block in (_DPKG.read_text(encoding="utf-8") if _DPKG.is_file() else "").split("\n\n"):
        fields = dict(re.findall(r"(?m)^([A-Z][A-Za-z-]+): (.*)$", block))
        if fields.get("Status") == "install ok installed":
            found.append(_component(fields["Package"], fields["Version"], "deb/debian", fields["Architecture"]))
    return sorted(found, key=lambda component: str(component["bom-ref"]))


def _python(packages: Path) -> list[dict[str, Any]]:
    found = []
    for distribution in distributions(path=[str(packages)]):
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        component = _component(name, distribution.version, "pypi")
        if "License-Expression" in distribution.metadata:
            component["licenses"] = [{"expression": distribution.metadata["License-Expression"]}]
        found.append(component)
    return sorted(found, key=lambda component: str(component["bom-ref"]))


def _component(name: str, version: str, kind: str, architecture: str | None = None) -> dict[str, Any]:
    package_url = f"pkg:{kind}/{quote(name)}@{quote(version, safe='')}" + (
        f"?arch={architecture}" if architecture else ""
    )
    return {"type": "library", "bom-ref": package_url, "name": name, "version": version, "purl": package_url}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
