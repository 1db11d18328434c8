"""The dashboard and the alerts ask for metrics, labels and values that the service really has."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.documents import ROOT
from tests import photographs

DOCKER = ROOT / "docker"
ADDED = {"instance", "job"}  # labels that Prometheus adds
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
JPEG = {"Content-Type": "image/jpeg"}
Labels = dict[str, dict[str, set[str]]]  # of each metric, with the values they have


def board() -> list[dict[str, object]]:
    return json.loads((DOCKER / "grafana" / "dashboards" / "adaface.json").read_text())["panels"]


def targets() -> Iterator[tuple[str, str]]:
    """Query and legend of every line of the dashboard."""
    for panel in board():
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield expression, target["legendFormat"]


def rules() -> list[dict[str, str]]:
    loaded = yaml.safe_load((DOCKER / "alerts.yml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def parts(node: object) -> Iterator[object]:
    """An expression of PromQL and all it is made of."""
    yield node
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        if (part := getattr(node, name, None)) is not None:
            yield from parts(part)
    for part in getattr(node, "args", None) or ():
        yield from parts(part)


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found = parts(promql_parser.parse(expression))
    return [each for each in found if isinstance(each, promql_parser.VectorSelector)]


def grouped(expression: str) -> list[tuple[set[str], list[promql_parser.VectorSelector]]]:
    """The labels of each aggregation, and what it aggregates."""
    aggregations = [
        each
        for each in parts(promql_parser.parse(expression))
        if isinstance(each, promql_parser.AggregateExpr) and each.modifier is not None
    ]
    return [
        (
            set(each.modifier.labels),
            [p for p in parts(each) if isinstance(p, promql_parser.VectorSelector)],
        )
        for each in aggregations
    ]


EXPRESSIONS = [expression for expression, _ in targets()] + [rule["expr"] for rule in rules()]


@pytest.fixture(scope="module")
def exposed(client: httpx.Client, collection: str) -> Labels:
    """What `/metrics` has after requests of every kind."""
    person = client.post(f"/collections/{collection}/persons", json={"id": "one"})
    assert person.status_code == 201
    faces = f"/collections/{collection}/persons/one/faces"
    here = {"collection": collection}
    astronaut = photographs.astronaut()
    both = {"source": astronaut, "target": photographs.portrait()}
    assert client.post(faces, content=astronaut, headers=JPEG).status_code == 201
    assert client.post("/identify", content=astronaut, headers=JPEG, params=here).status_code == 200
    assert client.post("/verify", files=both).status_code == 200
    late = {**JPEG, "X-Deadline-Seconds": "0.0001"}
    assert client.post("/detect", content=astronaut, headers=late).status_code == 504
    found: Labels = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found[sample.name][label].add(value)
            found[sample.name]  # also those without a label
    return found


@pytest.fixture(scope="module")
def collection(client: httpx.Client) -> str:
    """One for all tests here."""
    assert client.post("/collections", json={"id": "dashboards"}).status_code == 201
    return "dashboards"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_names_only_metrics_and_labels_that_there_are(
    exposed: Labels, expression: str
) -> None:
    for selector in selectors(expression):
        if selector.name == "up":  # Prometheus' own
            continue
        assert selector.name in exposed
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked - ADDED <= exposed[selector.name].keys()
    for labels, aggregated in grouped(expression):
        for selector in aggregated:
            assert labels - ADDED <= exposed[selector.name].keys()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_asks_for_values_that_there_can_be(
    exposed: Labels, client: httpx.Client, expression: str
) -> None:
    reasons = re.search(r"face_requests_refused_total .*: (.*)\.", client.get("/metrics").text)
    assert reasons is not None
    possible = {
        "reason": set(reasons[1].split(", ")),
        "route": set(client.get("/openapi.json").json()["paths"]),
        "outcome": {"match", "no_match", "inconclusive"},
    }
    for selector in selectors(expression):
        for matcher in selector.matchers.matchers:
            if matcher.name in ADDED or matcher.name == "status":
                continue
            known = possible.get(matcher.name, exposed[selector.name][matcher.name])
            assert set(matcher.value.split("|")) <= known, matcher


def test_every_metric_of_the_service_is_in_the_dashboard_or_an_alert(exposed: Labels) -> None:
    asked = {each.name for expression in EXPRESSIONS for each in selectors(expression)}
    stems = {re.sub("_(bucket|count|sum)$", "", name) for name in asked}
    ours = {name for name in exposed if name.startswith(("face_", "http_server_"))}
    families = {re.sub("_(bucket|count|sum|created)$", "", name) for name in ours}
    assert {re.sub("_total$", "", each) for each in families} == {
        re.sub("_total$", "", each) for each in stems if each in families
    }


def test_a_legend_shows_labels_that_its_query_keeps() -> None:
    for expression, legend in targets():
        kept = [labels for labels, _ in grouped(expression)]
        shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
        assert not kept or all(shown <= labels | {"instance"} for labels in kept), expression


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board():
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in board()}) == len(board())
