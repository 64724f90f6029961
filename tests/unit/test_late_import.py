"""What a process of our own imports when it is used: each case in a fresh interpreter."""

import subprocess
import sys

_PUT_OFF = """
import sys
from netanomaly.late_import import put_off_scipy_stats
put_off_scipy_stats()
put_off_scipy_stats()

def imported():
    return "scipy.stats._stats_py" in sys.modules
"""


def ran(code: str) -> None:
    ended = subprocess.run([sys.executable, "-c", _PUT_OFF + code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_detectors_import_of_scikit_learn_does_not_import_scipy_stats():
    """A new scikit-learn that takes another name of it fails here: add that name."""
    ran("""
import sklearn.decomposition, sklearn.ensemble, sklearn.linear_model, sklearn.mixture, sklearn.neighbors
import sklearn.neural_network, sklearn.tree
assert not imported()
""")


def test_a_function_taken_by_name_is_the_real_one_when_it_is_called():
    ran("""
from scipy.stats import rankdata
assert not imported()
assert rankdata([30, 10, 20]).tolist() == [3, 1, 2]
assert imported()
""")


def test_an_object_taken_by_name_has_its_methods():
    ran("""
from scipy.stats import chi2
assert not imported()
assert abs(chi2.ppf(0.5, df=2) - chi2(2).isf(0.5)) < 1e-12
""")


def test_whatever_else_is_asked_for_is_there():
    ran("""
from scipy import stats
assert not imported()
assert stats.norm.cdf(0.0) == 0.5
from scipy.stats import qmc, rankdata
import scipy.stats, scipy
assert scipy.stats is sys.modules["scipy.stats"] and hasattr(scipy.stats, "__path__")
assert rankdata is scipy.stats.rankdata and qmc.Sobol
""")


def test_what_was_imported_before_stays():
    ran("""
sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != "_Late"]
import scipy.stats
put_off_scipy_stats()
assert scipy.stats.rankdata.__module__ == "scipy.stats._stats_py"
""")
