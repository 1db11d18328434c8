"""IR-101 on this machine's cores: the service with its fast engine against bare ONNX Runtime."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from pydantic import BaseModel

from service.settings import Settings
from tests.bench.bare import Bare, Turn, bare
from tests.bench.load import ROOT
from tests.bench.plan import Plan
from tests.bench.served import PATIENT, capacity, check, embeddings, megabytes, serving
from tests.bench.throughput import SERVICE, Contest, bare_turns, contest
from tests.bench.turns import Rounds, alternated, best, ratio
from tests.bench.workload import Workload
from tests.service.serving import Server

TRAIN: Final = ROOT / ".venv-train" / "bin" / "python"
DEFAULT = "onnxruntime"
BATCH: Final = 4  # the fastest for bare ONNX Runtime
FEW: Final = 4  # clients with six faces each: 24 faces wait, 16 clients' would for a quarter minute
FAILED: Final = "it failed: "
FALLEN_BACK: Final = "ONNX Runtime computes embeddings"  # in the log, where an engine was refused


class Engine(BaseModel):
    """Faces a second by contestant, on photographs of six faces and on aligned crops.

    `cosine` is the lowest between the fast engine's embeddings and bare ONNX Runtime's.
    """

    name: str
    efficiency: Contest
    photographs: Rounds
    crops: Rounds
    cosine: float
    memory: dict[str, float]

    @staticmethod
    def speedup(reached: Rounds) -> float:
        bare_ones = [name for name in reached if name != SERVICE]
        return ratio(reached, SERVICE, best(reached, *bare_ones))


def fast() -> str | None:
    """The name of the engine beside ONNX Runtime that FACE_ENGINE takes, if there is one."""
    field = Settings.model_fields.get("engine")
    names = [] if field is None else [str(name) for name in get_args(field.annotation)]
    return next((name for name in names if name not in (DEFAULT, "auto")), None)


def bundle() -> Path:
    """IR-101 with random weights, made once by the training environment and kept in the cache.

    Raises FileNotFoundError where neither that environment nor a cached bundle exists.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    out = cache / "adaface-service" / "bench-ir101"
    if not (out / "bundle.json").exists():
        if not TRAIN.exists():
            raise FileNotFoundError("there is no training environment (make train-environment)")
        subprocess.run([TRAIN, "-m", "tests.bench.ir101", str(out)], cwd=ROOT, check=True)
    return out


def measured(workload: Workload, scratch: Path, plan: Plan) -> Engine:
    """Everything about IR-101, in one run."""
    plan = plan._replace(rounds=plan.slow_rounds, turn=plan.slow_turn)
    directory, name = bundle(), fast()
    with ExitStack() as stack:
        wide, narrow = (
            stack.enter_context(bare(directory, threads))
            for threads in (len(os.sched_getaffinity(0)), 1)
        )
        settings = {DEFAULT: _setting(name and DEFAULT)} | ({name: _setting(name)} if name else {})
        servers = {
            each: stack.enter_context(serving(scratch, each, bundle=directory, **PATIENT, **given))
            for each, given in settings.items()
        }
        for running in servers.values():
            check(str(running.client.base_url), workload.portrait, running)
        return _measured(workload, (wide, narrow), servers, plan)


def _measured(
    workload: Workload, loops: tuple[Bare, Bare], servers: dict[str, Server], plan: Plan
) -> Engine:
    """`servers` by engine, ONNX Runtime first and the fast one last."""
    name, swift = list(servers.items())[-1]
    ours, url = str(servers[DEFAULT].client.base_url), str(swift.client.base_url)
    group, crops = [workload.group.path], workload.crops

    def photographs() -> float:
        return 6 * capacity(url, group, plan.turn, plan.warm, clients=FEW)

    def aligned() -> float:
        return capacity(url, crops, plan.turn, plan.warm, "/embed?aligned=true")

    bare_group = {key: _sixfold(turn) for key, turn in bare_turns(group, loops, plan.turn).items()}
    bare_crops = bare_turns(crops, loops, plan.turn, batch=BATCH)
    return Engine(
        name=DEFAULT if FALLEN_BACK in swift.log.read_text() else name,
        efficiency=contest(workload.portrait, {SERVICE: ours}, loops, plan),
        photographs=alternated(bare_group | {SERVICE: photographs}, plan.rounds),
        crops=alternated(bare_crops | {SERVICE: aligned}, plan.rounds),
        cosine=_cosine(loops[0], swift, crops),
        memory={engine: megabytes(server) for engine, server in servers.items()},
    )


def _sixfold(turn: Callable[[], float]) -> Callable[[], float]:
    """Faces a second instead of photographs of the group."""
    return lambda: 6 * turn()


def _cosine(loop: Bare, server: Server, crops: list[Path]) -> float:
    turn = Turn(files=crops, seconds=0, callers=1, aligned=True, batch=len(crops))
    exact = np.array(loop(turn).embeddings)
    return float(np.min(np.sum(embeddings(server, crops) * exact, axis=1)))


def _setting(name: str | None) -> dict[str, Any]:
    return {} if name is None else {"engine": name}
