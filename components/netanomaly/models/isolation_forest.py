"""Isolation forest: rows that random cuts separate early are anomalous.

Liu, Ting, Zhou, 'Isolation Forest', ICDM 2008. Fitted by scikit-learn; scored here, tree by tree over blocks of rows
that stay in the cache, on two threads, and kept as a few bytes a node instead of scikit-learn's 72. Trees of few leaves are
scored as tables (`leaf_tables`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netanomaly.models.blocks import in_blocks
from netanomaly.models.detector import Detector
from netanomaly.models.encoding import Matrix, TwoViews
from netanomaly.models.leaf_tables import MOST_LEAVES, LeafTables
from netanomaly.models.rows import Floats, Rows
from netanomaly.models.trimming import untrimmed

if TYPE_CHECKING:  # scikit-learn takes a second to import: it is imported where it is used
    from sklearn.ensemble import IsolationForest
    from sklearn.tree._tree import Tree

# Measured: more rows in a block sort better, and fit the cache worse; 16,384 to 65,536 are within a tenth of each other.
ROWS_PER_BLOCK = 32_768
# Measured with 200 trees: a row alone takes a fifth of the time so, sixteen rows two thirds.
_FEW = 16


class IsolationForestDetector(Detector):
    """The score is scikit-learn's with the sign turned: 2 ** -(mean depth / expected depth), from 0 to 1."""

    minimum_rows = 20
    sees_beyond_training = False

    def fit(self, rows: Rows, seed: int) -> None:
        """Learn encoding and trees. Memory: the encoded rows (float32) and the trees.

        Trees of few rows bear some contamination as they are: "auto" leaves nothing out.
        """
        if self.parameters["contamination"] != "auto":
            rows = rows.take(untrimmed(rows, self.parameters["contamination"], seed))
        self.encoding = TwoViews.learn(rows)
        matrix = self.encoding(rows)
        from sklearn.ensemble import IsolationForest  # only now: whoever called may be importing it on another thread

        given = self.parameters
        columns = matrix.shape[1]
        forest = IsolationForest(
            n_estimators=given["n_estimators"],
            max_samples=_at_most(given["max_samples"], len(matrix)),
            max_features=_at_most(given["max_features"], columns),
            bootstrap=given["bootstrap"],
            random_state=seed,
            n_jobs=given["n_jobs"],
        ).fit(matrix)
        self.forest = Forest.of(forest, self.encoding)

    def score(self, rows: Rows) -> Floats:
        """From 0 to 1, one per row."""

        def block(part: slice) -> Floats:
            return self.forest.score(self.encoding.one_view(rows.take(part)))

        return in_blocks(block, len(rows), ROWS_PER_BLOCK)


@dataclass
class Forest:
    """Trees as flat arrays, one after the other; a tree's nodes are in depth-first order.

    So the left child of node i is i + 1, and `right` alone is kept (0 for a leaf, counted within its tree).
    `value` of a leaf is its depth plus the depth that an unbuilt tree over its rows would have.
    """

    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.signedinteger[Any]]
    thresholds: npt.NDArray[np.float32]
    right: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    width: int
    expected_depth: float

    @classmethod
    def of(cls, forest: "IsolationForest", encoding: TwoViews) -> "Forest":
        """The trees of a forest fitted on encoded rows, with their cuts taken back to rows in one view."""
        columns, thresholds, right, values, sizes = [], [], [], [], [0]
        for estimator, chosen in zip(forest.estimators_, forest.estimators_features_, strict=True):
            tree = estimator.tree_
            leaf = tree.children_left == -1
            places, cuts = encoding.cuts_in_one_view(
                np.asarray(chosen)[np.where(leaf, 0, tree.feature)], tree.threshold
            )
            columns.append(np.where(leaf, 0, places))
            thresholds.append(np.where(leaf, 0.0, _floor_to_float32(cuts)))
            right.append(np.where(leaf, 0, tree.children_right))
            depths = _depths(tree.children_left, tree.children_right)
            values.append(np.where(leaf, depths + average_path_length(tree.n_node_samples), 0.0))
            sizes.append(tree.node_count)
        return cls(
            starts=np.cumsum(sizes),
            # Half the bytes where they suffice; one that wrapped around would make scikit-learn read beside the row.
            columns=np.concatenate(columns).astype(np.int16 if encoding.width_of_one_view < 2**15 else np.int32),
            thresholds=np.concatenate(thresholds).astype(np.float32),
            right=np.concatenate(right).astype(np.int32),
            values=np.concatenate(values).astype(np.float32),
            width=encoding.width_of_one_view,
            expected_depth=float(average_path_length(np.array([forest.max_samples_]))[0]),
        )

    def score(self, matrix: Matrix) -> Floats:
        """2 ** -(mean depth / expected depth) of each row."""
        if len(matrix) <= _FEW:
            return self._of_depths(self._few(matrix))
        if np.diff(self.starts).max() < 2 * MOST_LEAVES:
            return self._of_depths(self._tables().sums(matrix))
        trees = self._trees()
        # Rows that the first tree puts together take much the same way through the others: the processor guesses it.
        order = np.argsort(trees[0][0].apply(matrix), kind="stable")
        matrix = matrix[order]
        total = np.zeros(len(matrix))
        for tree, values in trees:
            total += values[tree.apply(matrix)]
        depths = np.empty(len(matrix))
        depths[order] = total
        return self._of_depths(depths)

    def _of_depths(self, depths: Floats) -> Floats:
        """Scores of rows by the sum of their depths in all trees."""
        mean = depths / (len(self.starts) - 1)
        return np.exp2(-mean / self.expected_depth) if self.expected_depth else np.full(len(mean), 0.5)

    def _few(self, matrix: Matrix) -> Floats:
        """The sum of depths of a few rows: one step down in all trees at once, instead of a call for each tree.

        The same comparisons, and sums in the same order, as of many rows: the scores are the same, bit for bit.
        """
        rows = np.arange(len(matrix))[:, np.newaxis]
        begins = self.starts[:-1]
        nodes = np.broadcast_to(begins, (len(matrix), len(begins)))
        right = self.right[nodes]
        while right.any():
            left = matrix[rows, self.columns[nodes]] <= self.thresholds[nodes]
            nodes = np.where(right == 0, nodes, np.where(left, nodes + 1, begins + right))
            right = self.right[nodes]
        sums: Floats = np.cumsum(self.values[nodes], axis=1, dtype=np.float64)[:, -1]
        return sums

    def _tables(self) -> LeafTables:
        """Of trees of few leaves: faster, and scikit-learn, which takes a second or two to import, is not needed."""
        if "tables" not in self.__dict__:
            self.__dict__["tables"] = LeafTables(self.starts, self.columns, self.thresholds, self.right, self.values)
        tables: LeafTables = self.__dict__["tables"]
        return tables

    def _trees(self) -> "list[tuple[Tree, npt.NDArray[np.float32]]]":
        """scikit-learn's compiled trees, built once from the arrays."""
        if "trees" not in self.__dict__:
            pairs = []
            for start, end in zip(self.starts[:-1], self.starts[1:], strict=True):
                part = slice(int(start), int(end))
                pairs.append((self._tree(part), self.values[part]))
            self.__dict__["trees"] = pairs
        trees: list[tuple[Tree, npt.NDArray[np.float32]]] = self.__dict__["trees"]
        return trees

    def _tree(self, part: slice) -> "Tree":
        from sklearn.tree._tree import NODE_DTYPE, Tree

        right = self.right[part]
        count = len(right)
        nodes = np.zeros(count, dtype=NODE_DTYPE)
        leaf = right == 0
        nodes["left_child"] = np.where(leaf, -1, np.arange(count) + 1)
        nodes["right_child"] = np.where(leaf, -1, right)
        nodes["feature"] = np.where(leaf, -2, self.columns[part])
        nodes["threshold"] = np.where(leaf, -2.0, self.thresholds[part])
        tree = Tree(self.width, np.ones(1, dtype=np.intp), 1)
        tree.__setstate__(
            {"max_depth": 0, "node_count": count, "nodes": nodes, "values": np.zeros((count, 1, 1), dtype=np.float64)}
        )
        return tree

    def __getstate__(self) -> Mapping[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("trees", "tables")}


def average_path_length(rows: npt.NDArray[Any]) -> Floats:
    """Mean depth of an unsuccessful search in a binary tree of so many rows; equation 1 of the paper."""
    rows = np.asarray(rows, dtype=np.float64)
    many = np.maximum(rows, 3)
    length = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, length))


def _at_most(value: int | float | str, most: int) -> int | float | str:
    """A count no greater than what there is; a share or a word as it is."""
    return min(value, most) if isinstance(value, int) else value


def _depths(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> Floats:
    """Edges from the root to each node."""
    depths = np.zeros(len(left))
    inner = np.flatnonzero(left != -1)
    for node in inner.tolist():  # parents precede their children
        depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths


def _floor_to_float32(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 not above: for a float32 x, `x <= threshold` stays as it was."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-math.inf)), rounded)
