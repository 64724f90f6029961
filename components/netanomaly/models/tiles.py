"""Products of matrices in which a row is the same whatever rows are beside it.

BLAS makes other last bits of a row by how many there are. Here it gets the same number each time, zeros for those that are
missing, so that a flow has one score, alone or among millions.
"""

from collections.abc import Iterator

import numpy as np

from netanomaly.models.encoding import Matrix

# Few, since a single row costs as much; and enough for a product to be worth its call.
ROWS_PER_TILE = 64


def products(left: Matrix, right: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """`left @ right`, tile by tile: which rows, and their product, which is the caller's until the next one is made.

    The last tile is as long as the others, so what takes the rows has room for `whole_tiles` of them. One piece of memory
    serves all tiles: to be given a new one for each takes as long as a product.
    """
    product = np.empty((ROWS_PER_TILE, right.shape[1]), dtype=np.float32)
    for start in range(0, len(left), ROWS_PER_TILE):
        tile = left[start : start + ROWS_PER_TILE]
        np.matmul(tile if len(tile) == ROWS_PER_TILE else _filled_up(tile), right, out=product)
        yield slice(start, start + ROWS_PER_TILE), product


def whole_tiles(rows: int) -> int:
    """How many rows the tiles have that hold so many."""
    return -(-rows // ROWS_PER_TILE) * ROWS_PER_TILE


def with_ones(matrix: Matrix) -> Matrix:
    """The matrix and a column of ones: a product with it adds the last row of the other matrix to each row."""
    wider = np.ones((len(matrix), matrix.shape[1] + 1), dtype=np.float32)
    wider[:, :-1] = matrix
    return wider


def _filled_up(tile: Matrix) -> Matrix:
    whole = np.zeros((ROWS_PER_TILE, tile.shape[1]), dtype=np.float32)
    whole[: len(tile)] = tile
    return whole
