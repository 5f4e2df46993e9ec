"""Figures of metrics, computed from their definitions in exact fractions: make_metric_figures.py OUT [SEED]. Needs Python alone.

A definition is written out here as its textbook has it, over single samples and pairs of them, and shares nothing with the library's counting. Where scikit-learn's documentation gives a figure for the same data it stands
beside it as "documented" and is held against the fraction here (scikit-learn.org/stable/modules/generated/sklearn.metrics.<name>.html).
"""

import json
import os
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction as F

getcontext().prec = 60


def ratio(a, b):
    return F(a) / F(b) if b else F(0)


def root(x):
    return (Decimal(x.numerator) / Decimal(x.denominator)).sqrt()


def precision_recall_f1(pairs):
    """Of one class: pairs of (is it, is it said to be)."""
    said = [t for t, p in pairs if p]
    there = [p for t, p in pairs if t]
    precision, recall = ratio(sum(said), len(said)), ratio(sum(there), len(there))
    return precision, recall, ratio(2 * precision * recall, precision + recall)


def averaged(columns):
    """Figures of several classes or labels, each a list of pairs: evenly, over all pairs, weighted by how often they occur."""
    each = [precision_recall_f1(c) for c in columns]
    support = [sum(t for t, _ in c) for c in columns]
    micro = precision_recall_f1([pair for c in columns for pair in c])
    out = {}
    for i, name in enumerate(("precision", "recall", "f1")):
        out[name] = sum(e[i] for e in each) / len(each)
        out[name + "-micro"] = micro[i]
        out[name + "-weighted"] = ratio(sum(e[i] * s for e, s in zip(each, support)), sum(support))
    return out


def auc(scores, positive):
    """The share of pairs of a positive and a negative that are in the right order, equal ones half."""
    good = [s for s, p in zip(scores, positive) if p]
    bad = [s for s, p in zip(scores, positive) if not p]
    wins = sum(F(1) if a > b else F(1, 2) if a == b else F(0) for a in good for b in bad)
    return wins / (len(good) * len(bad))


def softmax(row):
    powers = [Decimal(float(s)).exp() for s in row]
    return [p / sum(powers) for p in powers]


def classes(rows, labels):
    n = len(rows[0])
    said = [max(range(n), key=lambda c: row[c]) for row in rows]
    present = [c for c in range(n) if c in labels or c in said]
    out = averaged([[(int(t == c), int(p == c)) for t, p in zip(labels, said)] for c in present])
    for k in range(1, n + 1):
        out[f"top-{k}"] = F(sum(t in sorted(range(n), key=lambda c: -row[c])[:k] for t, row in zip(labels, rows)), len(labels))
    shares = [softmax(row) for row in rows]
    # Equal probabilities need not be equal floats: such data says nothing of the area.
    if all(0 < labels.count(c) < len(labels) and len({s[c] for s in shares}) == len(shares) for c in range(n)):
        for c in range(n):
            column = sorted(s[c] for s in shares)
            assert all(b - a > Decimal("1e-5") for a, b in zip(column, column[1:])), "too close for float32"
        out["roc-auc"] = sum(auc([s[c] for s in shares], [t == c for t in labels]) for c in range(n)) / n
    return out


def binary(rows, labels):
    pairs = [(t, int(row[0] > 0)) for row, t in zip(rows, labels)]
    precision, recall, f1 = precision_recall_f1(pairs)
    return {"precision": precision, "recall": recall, "f1": f1, "roc-auc": auc([row[0] for row in rows], labels)}


def labels_of(rows, targets):
    said = [[int(s > 0) for s in row] for row in rows]
    n = len(rows[0])
    out = averaged([[(t[i], p[i]) for t, p in zip(targets, said)] for i in range(n)])
    out["exact-match"] = F(sum(t == p for t, p in zip(targets, said)), len(rows))
    if all(0 < sum(t[i] for t in targets) < len(targets) for i in range(n)):
        out["roc-auc"] = sum(auc([row[i] for row in rows], [t[i] for t in targets]) for i in range(n)) / n
    return out


def numbers(rows, targets):
    n, count = len(rows[0]), len(rows)
    off = [[F(p) - F(t) for p, t in zip(row, target)] for row, target in zip(rows, targets)]
    mse = [sum(o[i] ** 2 for o in off) / count for i in range(n)]
    r2 = []
    for i in range(n):
        mean = sum(F(t[i]) for t in targets) / count
        spread = sum((F(t[i]) - mean) ** 2 for t in targets)
        r2.append(1 - sum(o[i] ** 2 for o in off) / spread)
    return {"mae": sum(abs(o[i]) for o in off for i in range(n)) / (n * count), "mse": sum(mse) / n, "rmse": sum(root(m) for m in mse) / n, "r2": sum(r2) / n}


TASKS = {"MultiClass": classes, "Binary": binary, "MultiLabel": labels_of, "Regression": numbers}


def case(task, rows, targets, documented=None):
    figures = TASKS[task](rows, targets)
    for name, value in (documented or {}).items():
        assert abs(float(figures[name]) - value) < 1e-3 * max(1, abs(value)), (task, name, figures[name], value)
    flat = [float(x) for row in rows for x in row]
    nested = isinstance(targets[0], (list, tuple))
    return {
        "task": task, "outputs": len(rows[0]), "scores": flat, "targets": [float(x) for t in targets for x in t] if nested else [float(t) for t in targets],
        "documented": documented or {}, "figures": {name: float(value) for name, value in sorted(figures.items())},
    }


def one_hot(said, n):
    return [[F(int(c == p)) for c in range(n)] for p in said]


def documented_cases():
    q = F
    yield "documented_classes", case("MultiClass", one_hot([0, 2, 1, 0, 0, 1], 3), [0, 1, 2, 0, 1, 2], {"f1": 0.2667, "f1-micro": 0.3333, "f1-weighted": 0.2667, "precision": 0.2222, "recall": 0.3333})
    yield "documented_top_k", case("MultiClass", [[q(.5), q(.2), q(.1)], [q(.3), q(.4), q(.2)], [q(.2), q(.4), q(.3)], [q(.7), q(.2), q(.1)]], [0, 1, 2, 2], {"top-2": 0.75})
    yield "documented_roc_auc", case("Binary", [[q(.1)], [q(.4)], [q(.35)], [q(.8)]], [0, 0, 1, 1], {"roc-auc": 0.75})
    yield "documented_labels", case("MultiLabel", [[-1, -1, -1], [1, 1, 1], [1, 1, -1]], [[0, 0, 0], [1, 1, 1], [0, 1, 1]], {"f1": (2 / 3 + 1 + 2 / 3) / 3})
    yield "documented_numbers", case("Regression", [[q(5, 2)], [q(0)], [q(2)], [q(8)]], [[q(3)], [q(-1, 2)], [q(2)], [q(7)]], {"mae": 0.5, "mse": 0.375, "rmse": 0.612, "r2": 0.948})
    yield "documented_number_pairs", case("Regression", [[q(0), q(2)], [q(-1), q(2)], [q(8), q(-5)]], [[q(1, 2), q(1)], [q(-1), q(1)], [q(7), q(-6)]], {"mae": 0.75, "mse": 0.708, "rmse": 0.822})


def drawn_cases(seed):
    draw = random.Random(seed)
    eighths = lambda n: [F(x, 8) for x in draw.sample(range(-40, 40), n)]
    for n, samples in ((2, 9), (4, 23), (6, 40)):
        while True:
            try:
                yield f"drawn_classes_{n}", case("MultiClass", [eighths(n) for _ in range(samples)], [draw.randrange(n) for _ in range(samples)])
                break
            except AssertionError:
                continue
    for samples in (7, 50):
        yield f"drawn_binary_{samples}", case("Binary", [[F(draw.randrange(-6, 7), 4)] for _ in range(samples)], [i % 2 if i < 2 else draw.randrange(2) for i in range(samples)])
    for n, samples in ((2, 11), (5, 31)):
        yield f"drawn_labels_{n}", case("MultiLabel", [[F(draw.randrange(-6, 7), 4) for _ in range(n)] for _ in range(samples)], [[i % 2 if i < 2 else draw.randrange(2) for _ in range(n)] for i in range(samples)])
    for n, samples in ((1, 13), (3, 29)):
        yield f"drawn_numbers_{n}", case("Regression", [eighths(n) for _ in range(samples)], [eighths(n) for _ in range(samples)])


def main():
    out = os.path.join(sys.argv[1], "metrics")
    os.makedirs(out, exist_ok=True)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for name, value in [*documented_cases(), *drawn_cases(seed)]:
        with open(os.path.join(out, name + ".json"), "w") as file:
            json.dump(value, file)
            file.write("\n")


main()
