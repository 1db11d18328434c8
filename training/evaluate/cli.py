"""`adaface evaluate bin|crops|ijb|tinyface|edc|open-set`: benchmark protocols on aligned crops."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from training.console import err, one_line, out, progress
from training.evaluate import edc as discarding
from training.evaluate.anchors import Anchor, published
from training.evaluate.crops import read_crop
from training.evaluate.embedder import Embedder, open_embedder
from training.evaluate.errors import EvaluationError
from training.evaluate.features import Cache, all_features, features
from training.evaluate.ijb import evaluate_ijb
from training.evaluate.ijb_meta import read_ijb
from training.evaluate.open_set import evaluate_open_set, read_persons
from training.evaluate.pairsets import PairSet, read_bin, read_folder
from training.evaluate.report import AnyReport, Beside, Measured, ProtocolName, beside, document
from training.evaluate.table import beside_table, edc_table, measures_table
from training.evaluate.templates import Weighting
from training.evaluate.tinyface import evaluate_tinyface, read_tinyface
from training.evaluate.verification import compare, verify

app = typer.Typer(help="Benchmark protocols on aligned crops.", no_args_is_help=True)

Model = Annotated[Path, typer.Option("--model", help="Bundle directory, .onnx or checkpoint.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="PNG file to write.")]
Flip = Annotated[bool, typer.Option(help="Add the mirror image's features to the crop's.")]
Paper = Annotated[
    str | None, typer.Option("--beside", help="Published model, like ir_101/webface4m.")
]
Color = Annotated[
    Literal["rgb", "bgr"] | None,
    typer.Option("--color", help="Colour order of a checkpoint that does not tell."),
]
Threads = Annotated[int, typer.Option(help="Threads of the network; 0: all cores.", min=0)]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder to keep features in, to go on from.")
]
Folder = Annotated[Path, typer.Argument(help="Folder of the data set.")]


@dataclass(frozen=True)
class Output:
    """Where a result goes: JSON or tables on standard output, beside published numbers or not.

    What is wrong with it is said before anything is computed.
    """

    as_json: bool
    plot: Path | None = None
    anchors: Sequence[Anchor] = ()

    @classmethod
    def of(cls, as_json: bool, plot: Path | None, paper: str | None = None) -> Output:
        if plot and not plot.parent.is_dir():
            raise EvaluationError(f"There is no folder {plot.parent} to write {plot.name} into.")
        return cls(as_json, plot, published(paper) if paper else ())

    def measured(
        self, protocol: ProtocolName, model: Embedder, report: AnyReport, numbers: Measured
    ) -> None:
        """A report of measures; `numbers` is the same report, seen as what can be compared."""
        compared = beside(numbers, self.anchors)
        if self.anchors and not compared:
            names = ", ".join(dict.fromkeys(anchor.set for anchor in self.anchors))
            err.print(
                f"Nothing is published here for a set called {numbers.set!r}; name the file or "
                f"folder as one of {names}.",
                markup=False,
                highlight=False,
            )
        tables = [measures_table(f"{numbers.set}, {model.path}", numbers.measures())]
        self.show(protocol, model, report, tables, compared)

    def show(
        self,
        protocol: ProtocolName,
        model: Embedder,
        report: AnyReport,
        tables: Sequence[Table],
        compared: Sequence[Beside] = (),
    ) -> None:
        """One JSON document of the whole, or the tables, with the published numbers last."""
        if self.as_json:
            whole = document(protocol, model, report, compared)
            sys.stdout.write(json.dumps(whole, indent=1, allow_nan=False) + "\n")
            return
        for table in (*tables, *([beside_table(compared)] if compared else [])):
            out.print(table)


@app.command("bin")
def bin_(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[Path, typer.Argument(help="lfw.bin, cfp_fp.bin, agedb_30.bin, ...")],
    model: Model,
    as_json: Json = False,
    plot: Plot = None,
    flip: Flip = True,
    color: Color = None,
    beside_: Paper = None,
    threads: Threads = 0,
) -> None:
    """Verification on a .bin pair set; nothing in the file is executed."""
    with one_line():
        output = Output.of(as_json, plot, beside_)
        pairs = read_bin(file)
        _verify(pairs, open_embedder(model, flip=flip, threads=threads, color=color), output)


@app.command()
def crops(  # noqa: PLR0913 - one parameter for each option
    folder: Folder,
    pairs: Annotated[Path, typer.Option(help="LFW pairs.txt, or lines 'path path 0|1'.")],
    model: Model,
    as_json: Json = False,
    plot: Plot = None,
    flip: Flip = True,
    color: Color = None,
    beside_: Paper = None,
    threads: Threads = 0,
) -> None:
    """Verification on a folder of aligned crops and a list of pairs."""
    with one_line():
        output, listed = Output.of(as_json, plot, beside_), read_folder(folder, pairs)
        _verify(listed, open_embedder(model, flip=flip, threads=threads, color=color), output)


def _verify(pairs: PairSet, embedder: Embedder, output: Output) -> None:
    with progress(f"embedding {pairs.name}", pairs.count) as advance:
        compared = compare(embedder, pairs, advance)
    report = verify(pairs, compared)
    if output.plot:
        from training.evaluate import plot as plots

        plots.plot_verification(output.plot, f"{pairs.name}, {embedder.path.name}", compared)
    output.measured("pairs", embedder, report, report)


@app.command()
def ijb(  # noqa: PLR0913 - one parameter for each option
    root: Folder,
    model: Model,
    norm_weighted: Annotated[bool, typer.Option(help="Weigh images by their norm (N).")] = True,
    detector_weighted: Annotated[
        bool, typer.Option(help="Weigh images by the detector's score too (D).")
    ] = False,
    cache: CacheOption = None,
    as_json: Json = False,
    plot: Plot = None,
    flip: Flip = True,
    color: Color = None,
    beside_: Paper = None,
    threads: Threads = 0,
) -> None:
    """IJB-B or IJB-C: 1:1, and 1:N for each gallery; the data is NIST's, ROOT is your copy."""
    with one_line():
        output, data = Output.of(as_json, plot, beside_), read_ijb(root)
        embedder = open_embedder(model, flip=flip, threads=threads, color=color)
        faces, weighting = data.faces, Weighting(norm_weighted, detector_weighted)
        kept = _cache(cache, embedder, [data.name, *faces.names])
        count = len(faces.names)
        with progress(f"embedding {data.name}", count) as advance:
            found = features(embedder, faces.read, count, progress=advance, cache=kept)
            evaluation = evaluate_ijb(data, found, weighting)
        if plot:
            from training.evaluate import plot as plots

            title = f"{data.name}, {embedder.path.name}"
            plots.plot_ijb(plot, title, evaluation.comparisons, evaluation.searches)
        output.measured("ijb", embedder, evaluation.report, evaluation.report)


@app.command()
def tinyface(  # noqa: PLR0913 - one parameter for each option
    root: Folder,
    model: Model,
    as_json: Json = False,
    plot: Plot = None,
    flip: Flip = True,
    color: Color = None,
    beside_: Paper = None,
    threads: Threads = 0,
) -> None:
    """TinyFace: rank 1, 5 and 20 among matches and distractors."""
    with one_line():
        output, data = Output.of(as_json, plot, beside_), read_tinyface(root)
        embedder = open_embedder(model, flip=flip, threads=threads, color=color)
        with progress("embedding tinyface", len(data.paths)) as advance:
            found = all_features(embedder, data.read, len(data.paths), progress=advance)
        report, searches = evaluate_tinyface(data, found)
        if plot:
            from training.evaluate import plot as plots

            plots.plot_ranks(plot, f"TinyFace, {embedder.path.name}", searches)
        output.measured("tinyface", embedder, report, report)


@app.command()
def edc(  # noqa: PLR0913 - one parameter for each option
    data: Annotated[Path, typer.Argument(help="A .bin pair set, or a folder of crops.")],
    model: Model,
    pairs: Annotated[Path | None, typer.Option(help="The list of pairs of a folder.")] = None,
    fmr: Annotated[
        float, typer.Option(help="Where the threshold is fixed.", min=0, max=0.5)
    ] = 1e-3,
    degrade: Annotated[
        bool, typer.Option("--degrade", help="Degrade every crop at random first.")
    ] = False,
    as_json: Json = False,
    plot: Plot = None,
    flip: Flip = True,
    color: Color = None,
    threads: Threads = 0,
) -> None:
    """Error-versus-discard: what leaving out the worst pairs by quality saves."""
    with one_line():
        output = Output.of(as_json, plot)
        listed = read_bin(data) if pairs is None else read_folder(data, pairs)
        listed = discarding.degraded(listed) if degrade else listed
        embedder = open_embedder(model, flip=flip, threads=threads, color=color)
        with progress(f"embedding {listed.name}", listed.count) as advance:
            found = discarding.evaluate_edc(
                embedder, listed, advance, fmr=fmr, direction=embedder.direction
            )
        if plot:
            from training.evaluate import plot as plots

            plots.plot_edc(plot, found.report, found.curves)
        output.show("edc", embedder, found.report, [edc_table(found.report)])


@app.command("open-set")
def open_set(  # noqa: PLR0913 - one parameter for each option
    folder: Folder,
    model: Model,
    as_json: Json = False,
    flip: Flip = True,
    color: Color = None,
    threads: Threads = 0,
) -> None:
    """FNIR at fixed FPIR on a folder with one folder of aligned crops per person."""
    with one_line():
        paths, persons = read_persons(folder)
        embedder = open_embedder(model, flip=flip, threads=threads, color=color)
        with progress("embedding crops", len(paths)) as advance:
            found = all_features(
                embedder, lambda index: read_crop(paths[index]), len(paths), progress=advance
            )
        report = evaluate_open_set(folder.name, found.embeddings, persons)
        Output(as_json).measured("open-set", embedder, report, report)


def _cache(directory: Path | None, embedder: Embedder, names: Sequence[str]) -> Cache | None:
    """A cache for this model, its flip fusion and exactly these images."""
    if directory is None:
        return None
    return Cache(directory, "\n".join([embedder.sha256, str(embedder.flip_fusion), *names]))


if __name__ == "__main__":
    app(prog_name="adaface evaluate")
