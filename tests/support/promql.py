"""What a PromQL expression names, and which labels its result has: parsed, so that nothing is guessed from the text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import promql_parser as promql

SCRAPED = ("job", "instance")
"""What Prometheus itself adds to every series."""

Labels = frozenset[str]


@dataclass
class Names:
    """Finds what nobody exposes. ``series`` are the known names with their own labels; ``unknown`` what was found besides."""

    series: Mapping[str, tuple[str, ...]]
    unknown: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def labels_of(self, query: str) -> Labels:
        """The labels that the result of a query can have; what it names that is not there goes to ``unknown``."""
        return self._labels(promql.parse(query))

    def _labels(self, node: promql.Expr) -> Labels:
        found: Labels = frozenset()
        match node:
            case promql.VectorSelector():
                found = self._selected(node)
            case promql.MatrixSelector():
                found = self._selected(node.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                found = self._labels(node.expr)
            case promql.AggregateExpr():
                found = self._aggregated(node)
            case promql.BinaryExpr():
                found = self._joined(node)
            case promql.Call():
                found = self._called(node)
            case _:
                pass
        return found

    def _selected(self, selector: promql.VectorSelector) -> Labels:
        name = selector.name or ""
        self.used.add(name)
        own = self.series.get(name)
        if own is None:
            self.unknown.append(f"metric {name}")
            return frozenset()
        labels = frozenset((*own, *SCRAPED))
        self._require([one.name for one in selector.matchers.matchers], labels, name)
        return labels

    def _aggregated(self, node: promql.AggregateExpr) -> Labels:
        inner = self._labels(node.expr)
        if node.modifier is None:
            return frozenset()
        named = frozenset(node.modifier.labels)
        self._require(named, inner, str(node.expr))
        return named if node.modifier.type == promql.AggModifierType.By else inner - named

    def _joined(self, node: promql.BinaryExpr) -> Labels:
        left, right = self._labels(node.lhs), self._labels(node.rhs)
        modifier = node.modifier
        matching = modifier.matching if modifier is not None else None
        if matching is not None:
            self._require(matching.labels, left, str(node.lhs))
            self._require(matching.labels, right, str(node.rhs))
        operation = str(node.op).lower()
        if operation == "or":
            return left | right
        if modifier is not None and modifier.group_labels is not None:
            self._require(modifier.group_labels, left | right, str(node))
            many_left = modifier.card == promql.VectorMatchCardinality.ManyToOne
            return (left if many_left else right) | frozenset(modifier.group_labels)
        if operation in {"and", "unless"} or matching is None:
            return left or right
        named = frozenset(matching.labels)
        return named if matching.type == promql.LabelModifierType.Include else left - named

    def _called(self, call: promql.Call) -> Labels:
        inner: Labels = frozenset()
        for argument in call.args:
            inner |= self._labels(argument)
        if call.func.name == "histogram_quantile":
            self._require(["le"], inner, call.func.name)
            return inner - {"le"}
        if call.func.name == "label_replace":
            return inner | {call.args[1].val}
        return frozenset() if call.func.name in {"scalar", "vector", "time"} else inner

    def _require(self, wanted: "list[str] | frozenset[str]", there: Labels, where: str) -> None:
        self.unknown += [f"label {name} of {where}" for name in wanted if name not in there]
