# scikit-learn's LogisticRegression on the features that the benchmark wrote; prints one JSON line for each C.
#   /usr/bin/python3 sklearn_probe.py FOLDER C ...     (Debian: python3-sklearn)
import json, sys, time
import numpy as np
from sklearn.linear_model import LogisticRegression

folder, strengths = sys.argv[1], [float(c) for c in sys.argv[2:]]
def load(part):
    y = np.fromfile(f'{folder}/{part}.labels', dtype=np.int32)
    return np.fromfile(f'{folder}/{part}.features', dtype=np.float32).reshape(len(y), -1), y
(X, Y), (Xt, Yt) = load('train'), load('test')
for c in strengths:
    start = time.process_time()
    model = LogisticRegression(C=c, max_iter=1000).fit(X, Y)
    seconds = time.process_time() - start
    scores = X.astype(np.float64) @ model.coef_.T + model.intercept_
    scores -= scores.max(1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    objective = .5 * (model.coef_ ** 2).sum() - c * logp[np.arange(len(Y)), Y].sum()
    print(json.dumps(dict(c=c, objective=objective, accuracy=float((model.predict(Xt) == Yt).mean()), seconds=seconds, iterations=int(model.n_iter_[0]))), flush=True)
