"""The same work in PyTorch and Pillow, to be timed beside ours in one run.

`python rival.py NAME JSON` loads the subjects of a benchmark and prints their names as one JSON line; then it answers every
subject named on a line of stdin with the milliseconds of one call. Weights are random: times do not depend on their values.
"""
import json
import sys
import time

import torch

import subjects


def main() -> None:
    name, parameters = sys.argv[1], json.loads(sys.argv[2])
    torch.manual_seed(0)
    torch.set_num_threads(parameters.get("threads", torch.get_num_threads()))
    with torch.inference_mode():
        calls = subjects.BENCHMARKS[name](parameters)
        for call in calls.values():
            call()  # warm-up
        print(json.dumps({"subjects": list(calls), "torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
        for line in sys.stdin:
            call = calls[line.strip()]
            start = time.perf_counter()
            call()
            print((time.perf_counter() - start) * 1e3, flush=True)


main()
