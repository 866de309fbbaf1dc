"""A small OpenML on 127.0.0.1: what loading tasks and publishing runs need of the REST API."""

import hashlib
import re
import threading
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import pandas as pd

N_FOLDS = 3
N_REPEATS = 2


def element(tag, *content, **attributes):
    inner = "".join(c if str(c).startswith("<oml:") else escape(str(c)) for c in content)
    names = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<oml:{tag}{names}>{inner}</oml:{tag}>"


def elements(**values):
    return "".join(element(tag, value) for tag, value in values.items() if value is not None)


class OpenMLServer:
    """Serves data sets, one task each, and suites; a context manager that stops it again.

    Parameters
    ----------
    datasets : dict of int to dict
        By data id: ``name``, ``frame`` (categories are nominal), ``target`` and optionally
        ``ignore`` and ``task_type`` (1 classification, 2 regression, 5 clustering). The task's id
        is the data id plus 1000.
    suites : dict of str to list of int
        Task ids by alias; their own ids count from 1.

    Attributes
    ----------
    flows, runs : list of dict of str to str
        What was published, by the names of the files; a flow's id is its position plus 1, a run's
        its position plus 1001.
    """

    def __init__(self, datasets, suites):
        self.datasets, self.suites = datasets, suites
        self.flows, self.runs = [], []
        self.n_requests = 0

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"openml": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.url = f"{self.base}/api/v1/xml"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path):
        """Status and body for a request."""
        self.n_requests += 1
        for pattern, reply in (
            (r"/api/v1/xml/data/(\d+)", self.describe_dataset),
            (r"/api/v1/xml/data/features/(\d+)", self.describe_features),
            (r"/api/v1/xml/data/list/(.*)", self.list_datasets),
            (r"/api/v1/xml/task/(\d+)", self.describe_task),
            (r"/api/v1/xml/study/(.+)", self.describe_suite),
            (r"/api/v1/xml/flow/(\d+)", self.describe_flow),
            (r"/data/(\d+)\.arff", lambda i: (200, self.arff(int(i)))),
            (r"/splits/(\d+)\.arff", lambda i: (200, self.splits(int(i)))),
        ):
            match = re.fullmatch(pattern, path)
            if match:
                return reply(match[1])
        return error(101, "Function not yet ported or implemented")

    def accept(self, path, parts):
        """Status and body for what is posted: its parts by name."""
        self.n_requests += 1
        what = path.removeprefix("/api/v1/xml/").strip("/")
        if what == "flow/exists":
            found = [i for i, flow in enumerate(self.flows, start=1) if is_flow(flow, parts)]
            return document("flow_exists", elements(exists=bool(found), id=(found or [-1])[0]))
        if what == "flow":
            self.flows.append(parts)
            return document("upload_flow", elements(id=len(self.flows)))
        if what == "run":
            self.runs.append(parts)
            return document("upload_run", elements(run_id=1000 + len(self.runs)))
        return error(101, "Function not yet ported or implemented")

    def describe_flow(self, flow_id):
        if not 0 < int(flow_id) <= len(self.flows):
            return error(181, "Unknown flow")
        opening, tag, rest = re.split(
            "(<oml:flow[^>]*>)", self.flows[int(flow_id) - 1]["description"]
        )
        added = elements(id=flow_id, uploader=1, version=1, upload_date="2020-01-01T00:00:00")
        return 200, opening + tag + added + rest

    def describe_dataset(self, data_id):
        dataset = self.datasets.get(int(data_id))
        if dataset is None:
            return error(111, "Unknown dataset")
        if dataset.get("private"):
            return error(112, "No access granted")
        md5 = hashlib.md5(self.arff(int(data_id)).encode()).hexdigest()
        ignored = [element("ignore_attribute", name) for name in dataset.get("ignore", ())]
        return document(
            "data_set_description",
            elements(
                id=data_id,
                name=dataset["name"],
                version=1,
                description="a test's table",
                format="ARFF",
                licence="CC0",
                url=f"{self.base}/data/{data_id}.arff",
                file_id=data_id,
                default_target_attribute=dataset["target"],
            ),
            *ignored,
            elements(visibility="public", status="active", md5_checksum=md5),
        )

    def describe_features(self, data_id):
        dataset = self.datasets[int(data_id)]
        features = []
        for i, (name, column) in enumerate(dataset["frame"].items()):
            levels = column.cat.categories if column.dtype == "category" else ()
            features.append(
                element(
                    "feature",
                    elements(index=i, name=name, data_type="nominal" if len(levels) else "numeric"),
                    *(element("nominal_value", level) for level in levels),
                    elements(number_of_missing_values=int(column.isna().sum())),
                )
            )
        return document("data_features", *features)

    def list_datasets(self, filters):
        filters = unquote(filters).split("/")
        wanted = dict(zip(filters[::2], filters[1::2], strict=True))["data_name"]
        found = [i for i, dataset in self.datasets.items() if dataset["name"] == wanted]
        if not found:
            return error(372, "No results")
        rows = (
            elements(did=i, name=wanted, version=1, status="active", format="ARFF") for i in found
        )
        return document("data", *(element("dataset", row) for row in rows))

    def describe_task(self, task_id):
        data_id = int(task_id) - 1000
        if data_id not in self.datasets:
            return error(151, "Unknown task")
        task_type = self.datasets[data_id].get("task_type", 1)
        names = {
            1: "Supervised Classification",
            2: "Supervised Regression",
            5: "Clustering",
        }
        target = None if task_type == 5 else self.datasets[data_id]["target"]
        # At least two: the client takes a single parameter for something else.
        parameters = (
            element("parameter", n, name=f"number_{what}")
            for what, n in (("repeats", N_REPEATS), ("folds", N_FOLDS))
        )
        procedure = elements(
            id=1, type="crossvalidation", data_splits_url=f"{self.base}/splits/{task_id}.arff"
        )
        return document(
            "task",
            elements(task_id=task_id, task_type_id=task_type, task_type=names[task_type]),
            element(
                "input",
                element("data_set", elements(data_set_id=data_id, target_feature=target)),
                name="source_data",
            ),
            element(
                "input",
                element("estimation_procedure", procedure, *parameters),
                name="estimation_procedure",
            ),
            element(
                "input",
                element("evaluation_measures", elements(evaluation_measure="accuracy")),
                name="evaluation_measures",
            ),
        )

    def describe_suite(self, key):
        key = unquote(key)
        for i, (alias, task_ids) in enumerate(self.suites.items(), start=1):
            if key in (alias, str(i)):
                return document(
                    "study",
                    elements(
                        id=i,
                        alias=alias,
                        main_entity_type="task",
                        name=alias,
                        description="a test's suite",
                        status="active",
                        creation_date="2020-01-01",
                        creator=1,
                    ),
                    element("data", *(element("data_id", i - 1000) for i in task_ids)),
                    element("tasks", *(element("task_id", i) for i in task_ids)),
                )
        return error(601, "Study does not exist.")

    def arff(self, data_id):
        frame, lines = self.datasets[data_id]["frame"], ["@RELATION table"]
        for name, column in frame.items():
            nominal = column.dtype == "category"
            domain = "{" + ",".join(column.cat.categories) + "}" if nominal else "REAL"
            lines.append(f"@ATTRIBUTE '{name}' {domain}")
        rows = frame.astype(object).to_numpy().tolist()
        cells = (["?" if pd.isna(cell) else str(cell) for cell in row] for row in rows)
        return "\n".join([*lines, "@DATA", *(",".join(row) for row in cells)]) + "\n"

    def splits(self, task_id):
        n_rows = len(self.datasets[task_id - 1000]["frame"])
        lines = ["@RELATION splits", "@ATTRIBUTE type {TRAIN,TEST}", "@ATTRIBUTE rowid INTEGER"]
        lines += ["@ATTRIBUTE repeat INTEGER", "@ATTRIBUTE fold INTEGER", "@DATA"]
        for repeat in range(N_REPEATS):
            for fold in range(N_FOLDS):
                for row in range(n_rows):
                    part = "TEST" if (row + repeat) % N_FOLDS == fold else "TRAIN"
                    lines.append(f"{part},{row},{repeat},{fold}")
        return "\n".join(lines) + "\n"


def document(tag, *content):
    return 200, element(tag, *content, **{"xmlns:oml": "http://openml.org/openml"})


def error(code, message):
    _, body = document("error", elements(code=code, message=message))
    return 412, body


def is_flow(flow, wanted):
    said = re.search(
        "<oml:name>(.*?)</oml:name>.*<oml:external_version>(.*?)<", flow["description"], re.S
    )
    return said.groups() == (wanted["name"], wanted["external_version"])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._reply(*self.openml.answer(self.path.partition("?")[0]))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        if kind.startswith("multipart/"):
            message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
            parts = {
                part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                for part in message.get_payload()
            }
            parts = {name: content.decode() for name, content in parts.items()}
        else:
            parts = dict(parse_qsl(body.decode()))
        self._reply(*self.openml.accept(self.path.partition("?")[0], parts))

    def _reply(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
