"""Enqueues a text.count for each text file of a directory and says how far it is.

{"dir": "texts"} in, {"files": 2, "tasks": ["id", "id"]} out. It speaks the host protocol: lines of JSON,
written to descriptor 3 and read from descriptor 4.
"""

import json
import os
import sys

to_worker = os.fdopen(3, "w", buffering=1)  # line by line
from_worker = os.fdopen(4)


def tell(**message):
    """Says something that needs no answer: progress, log."""
    print(json.dumps(message), file=to_worker)


def ask(**message):
    """Asks for something and returns the reply. A message with an id is answered, in order."""
    tell(id="1", **message)
    for line in from_worker:
        said = json.loads(line)
        if said["type"] == "cancel":
            sys.exit("stopping: " + said["reason"])
        if said["type"] == "reply":
            if "error" in said:
                sys.exit(said["error"]["message"])
            return said.get("results")
    sys.exit("the worker is gone")


folder = json.load(sys.stdin)["dir"]
files = sorted(f for f in os.listdir(folder) if f.endswith(".txt"))

tasks = []
for done, name in enumerate(files, start=1):
    child = {"name": "text.count", "args": {"path": os.path.join(folder, name)}}
    (result,) = ask(type="enqueue", tasks=[child])
    tasks.append(result["id"])
    tell(type="progress", percent=100 * done / len(files), data={"file": name})

print(json.dumps({"files": len(files), "tasks": tasks}))
