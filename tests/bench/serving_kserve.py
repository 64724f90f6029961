"""Run by KServe's environment: a forest of the rows in a CSV, served as its sklearnserver does.

The model class is what kserve/python/sklearnserver/sklearnserver/model.py (Apache-2.0) does: the tensor as an array, predict.
"""

import sys

import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer
from sklearn.ensemble import IsolationForest

path, port = sys.argv[1:]


class SKLearnModel(Model):  # type: ignore[misc]
    def load(self):
        rows = np.genfromtxt(path, delimiter=",", skip_header=1)
        self._model = IsolationForest(n_estimators=200, max_samples=4096, random_state=0, n_jobs=1)
        self._model.fit(np.nan_to_num(rows))
        self.ready = True
        return self.ready

    async def predict(self, payload, headers=None, response_headers=None):
        result = self._model.predict(payload.inputs[0].as_numpy())
        output = InferOutput("output-0", list(result.shape), "INT64")
        output.set_data_from_numpy(result, binary_data=False)
        return InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    model = SKLearnModel("forest")
    model.load()
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start([model])
