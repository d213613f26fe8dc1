"""Deployed functions in processes of their own: what they get, what they answer, how they end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.local.aws.lambdas.functions import (
    TOO_LARGE_TO_ANSWER,
    TOO_LARGE_TO_CALL,
    DeployedFunction,
    Outcome,
)
from infra.local.aws.lambdas.lambdas import CALL_LIMIT_BYTES, Lambdas
from infra.local.aws.lambdas.runtime import build_runtime
from infra.local.aws.lambdas.workers import ANSWER_LIMIT_BYTES
from tests.infra.deployed_functions import Register, eventually, is_running, make_function, zipped

ENDPOINT = "http://127.0.0.1:9"

ECHO = "def handler(event, context): return event"
PID = "import os\ndef handler(event, context): return os.getpid()"
MEET = """
    import os, time, pathlib

    def handler(event, context):
        deadline = time.monotonic() + 10
        here = pathlib.Path(event["folder"])
        (here / event["name"]).touch()
        while len(list(here.iterdir())) < event["wanted"] and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"pid": os.getpid(), "met": len(list(here.iterdir()))}
"""
HANG = """
    import time

    def handler(event, context):
        with open(event, "w") as file:
            file.write("here")
        time.sleep(60)
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_runtime(tmp_path_factory.mktemp("lambda") / "runtime")


class Bench:
    """Lambdas over a register, and what their functions printed."""

    def __init__(
        self,
        runtime: Path,
        workdir: Path,
        concurrency: int = 8,
        layers: Mapping[str, Path] | None = None,
    ) -> None:
        self.workdir = workdir
        self.printed: list[str] = []
        self.deployed = Register()
        self.lambdas = Lambdas(
            functions=self.deployed,
            endpoint_url=ENDPOINT,
            runtime=runtime,
            workdir=workdir,
            log=self.printed.append,
            layers=layers,
            concurrency=concurrency,
        )

    def deploy(self, source: str, **changes: Any) -> DeployedFunction:
        function = make_function(source, **changes)
        self.deployed.deploy(function)
        return function

    def call(self, event: object = None) -> Outcome:
        return self.lambdas.invoke("echo", event)

    def value(self, event: object = None) -> Any:
        outcome = self.call(event)
        assert outcome.error is None, outcome.error
        return outcome.value

    def error(self, event: object = None) -> tuple[str, str]:
        error = self.call(event).error
        assert error is not None
        return error.type, error.message


@pytest.fixture
def opened(runtime: Path, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as all_of_them:

        def open_bench(concurrency: int = 8, layers: Mapping[str, Path] | None = None) -> Bench:
            bench = Bench(runtime, tmp_path / "work", concurrency, layers)
            all_of_them.enter_context(closing(bench.lambdas))
            return bench

        yield open_bench


@pytest.fixture
def bench(opened: Callable[..., Bench]) -> Bench:
    return opened()


def test_a_function_answers_what_its_handler_returns(bench: Bench):
    bench.deploy(ECHO)
    event = {"text": "Träger\u2028\ud800\n", "list": [1, 2.5, None, True]}

    assert bench.value(event) == event


def test_a_function_is_found_by_its_arn(bench: Bench):
    function = bench.deploy(ECHO)

    assert bench.lambdas.invoke(function.arn, 1) == Outcome(1)


def test_a_function_that_is_not_deployed_is_an_error(bench: Bench):
    assert bench.error() == ("ResourceNotFoundException", "Function not found: echo")


def test_an_exception_becomes_an_error_with_its_stack(bench: Bench):
    bench.deploy("def handler(event, context): raise LookupError('no such chapter')")

    error = bench.call().error

    assert error is not None
    assert error.payload()["errorType"] == "LookupError"
    assert error.payload()["errorMessage"] == "no such chapter"
    assert any("in handler" in line for line in error.payload()["stackTrace"])


def test_an_exception_leaves_the_process_in_use(bench: Bench):
    bench.deploy("import os\ndef handler(event, context):\n if event: raise ValueError\n return os.getpid()")
    first = bench.value()
    bench.error("fail")

    assert bench.value() == first


def test_a_value_that_is_no_json_is_an_error(bench: Bench):
    bench.deploy("def handler(event, context): return {1, 2}")

    kind, message = bench.error()

    assert kind == "Runtime.MarshalError"
    assert message.startswith("Unable to marshal response: ")


def test_calls_one_after_the_other_use_one_process(bench: Bench):
    bench.deploy(PID)

    assert bench.value() == bench.value()


def test_concurrent_calls_run_concurrently(bench: Bench, tmp_path: Path):
    bench.deploy(MEET)
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    events = [{"folder": str(meeting), "name": name, "wanted": 2} for name in ("first", "second")]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(bench.value, events))

    assert [answer["met"] for answer in answers] == [2, 2]
    assert answers[0]["pid"] != answers[1]["pid"]


def test_calls_above_the_limit_wait(opened: Callable[..., Bench], tmp_path: Path):
    bench = opened(concurrency=2)
    bench.deploy(MEET)
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    events = [{"folder": str(meeting), "name": name, "wanted": 4} for name in ("first", "second", "third")]

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(bench.value, event) for event in events]
        assert eventually(lambda: len(list(meeting.iterdir())) == 2)
        assert not eventually(lambda: len(list(meeting.iterdir())) > 2, patience_s=0.5)
        for guest in ("host", "helper"):
            (meeting / guest).touch()

    assert sorted(call.result()["met"] for call in calls)[-1] == 5


def test_changed_code_is_run_at_the_next_call_and_the_old_process_ends(bench: Bench):
    bench.deploy(PID)
    old = bench.value()
    bench.deploy("def handler(event, context): return 'new'")

    assert bench.value() == "new"
    assert not is_running(old)


def test_a_changed_environment_reaches_the_next_call(bench: Bench):
    source = "import os\nLIMIT = os.environ['LIMIT']\ndef handler(event, context): return LIMIT"
    function = bench.deploy(source, environment={"LIMIT": "1"})
    assert bench.value() == "1"
    bench.deployed.deploy(replace(function, environment={"LIMIT": "2"}))

    assert bench.value() == "2"


def test_a_call_past_the_time_out_fails_and_its_process_is_killed(bench: Bench):
    source = """
        import os, time

        def handler(event, context):
            print("pid", os.getpid())
            time.sleep(30 if event == "hang" else 0)
            return "done"
    """
    bench.deploy(source, timeout_s=1.0)

    kind, message = bench.error("hang")

    assert kind == "Sandbox.Timedout"
    assert message.endswith("Task timed out after 1.00 seconds")
    assert not is_running(int(bench.printed[0].split()[-1]))


def test_after_a_time_out_the_next_call_is_served(bench: Bench):
    source = "import time\ndef handler(event, context):\n time.sleep(event)\n return 'done'"
    bench.deploy(source, timeout_s=1.0)
    bench.error(30)

    assert bench.value(0) == "done"


def test_imports_may_take_longer_than_a_call(bench: Bench):
    bench.deploy(f"import time\ntime.sleep(1.2)\n{ECHO}", timeout_s=1.0)

    assert bench.value("in time") == "in time"


def test_the_context_says_how_much_time_is_left(bench: Bench):
    source = """
        import time

        def handler(event, context):
            before = context.get_remaining_time_in_millis()
            time.sleep(0.05)
            return [before, context.get_remaining_time_in_millis()]
    """
    bench.deploy(source, timeout_s=7.0)

    before, after = bench.value()

    assert 0 < after <= before - 50 < before <= 7_000


def test_the_context_names_the_call(bench: Bench):
    names = [
        "function_name",
        "function_version",
        "invoked_function_arn",
        "memory_limit_in_mb",
        "aws_request_id",
    ]
    bench.deploy(f"def handler(event, context): return [getattr(context, name) for name in {names}]")

    *of_function, first_id = bench.value()

    assert of_function == [
        "echo",
        "$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
        "128",
    ]
    assert bench.value()[-1] != first_id


@pytest.mark.parametrize(
    ("ending", "how"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("raise SystemExit(4)", "exit status 4"),
        ("import os; os.kill(os.getpid(), 9)", "signal: SIGKILL"),
    ],
)
def test_a_process_that_dies_in_a_call_is_an_error(bench: Bench, ending: str, how: str):
    bench.deploy(f"def handler(event, context):\n if event: {ending}\n return 'alive'")

    kind, message = bench.error("die")

    assert kind == "Runtime.ExitError"
    assert message.endswith(f"Runtime exited with error: {how}")
    assert bench.value() == "alive"


def test_a_process_that_dies_between_calls_is_replaced(bench: Bench):
    bench.deploy(PID)
    first = bench.value()
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: not is_running(first))

    assert bench.value() != first


@pytest.mark.parametrize("module", ["requests", "moto", "pytest", "chalicelib", "infra", "pip"])
def test_what_the_zip_does_not_hold_cannot_be_imported(bench: Bench, module: str):
    bench.deploy(f"import {module}\n{ECHO}")

    assert bench.error() == (
        "Runtime.ImportModuleError",
        f"Unable to import module 'app': No module named '{module}'",
    )


def test_boto3_is_there_and_talks_to_the_endpoint(bench: Bench):
    bench.deploy("import boto3\ndef handler(event, context): return boto3.client('s3').meta.endpoint_url")

    assert bench.value() == ENDPOINT


LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:words:1"
SPEAK = """
    def handler(event, context):
        import words
        return words.said
"""


def test_only_a_function_with_a_layer_finds_what_the_layer_brings(
    opened: Callable[..., Bench], tmp_path: Path
):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "words.py").write_text("said = 'here'")
    bench = opened(layers={LAYER: tmp_path / "layer"})

    bench.deploy(SPEAK, layers=(LAYER,))
    assert bench.value() == "here"
    bench.deploy(SPEAK)
    assert bench.error() == ("ModuleNotFoundError", "No module named 'words'")


def test_a_function_whose_layer_is_not_here_fails_and_names_it(bench: Bench):
    bench.deploy(SPEAK, layers=(LAYER,))

    assert LAYER in bench.error()[1]


def test_what_the_zip_brings_goes_before_what_the_runtime_carries(bench: Bench):
    code = zipped(
        {"app.py": "import six\ndef handler(event, context): return six.ORIGIN", "six.py": "ORIGIN = 'zip'"}
    )
    bench.deploy("", code=code)

    assert bench.value() == "zip"


def test_a_missing_handler_is_an_error(bench: Bench):
    bench.deploy("other = 1")

    assert bench.error() == ("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")


def test_a_syntax_error_is_an_error(bench: Bench):
    bench.deploy("def handler(:")

    assert bench.error()[0] == "Runtime.UserCodeSyntaxError"


def test_an_exception_at_import_is_the_answer_to_every_call(bench: Bench):
    bench.deploy("raise RuntimeError('no table')")

    assert [bench.error(), bench.error()] == [("RuntimeError", "no table")] * 2


def test_a_handler_in_a_package_is_found(bench: Bench):
    bench.deploy("", handler="json.encoder.encode_basestring_ascii")

    assert bench.error()[0] == "TypeError"  # it was called, with an event and a context


def test_a_function_sees_its_own_variables_and_lambdas_and_no_others(bench: Bench):
    source = "import os\ndef handler(event, context): return dict(os.environ)"
    bench.deploy(source, environment={"TABLE": "records", "AWS_REGION": "eu-west-1"})

    seen = bench.value()

    assert {name for name in seen if not name.startswith(("AWS_", "LC_"))} == {
        *("TABLE", "PATH", "LANG", "TZ", "TMPDIR", "LAMBDA_TASK_ROOT", "_HANDLER")
    }
    assert (seen["TABLE"], seen["AWS_REGION"]) == ("records", "us-east-1")
    assert (seen["AWS_ENDPOINT_URL"], seen["AWS_ACCESS_KEY_ID"]) == (ENDPOINT, "test")


def test_what_a_function_prints_goes_to_the_log_and_not_into_its_answer(bench: Bench):
    source = """
        import subprocess, sys

        def handler(event, context):
            print('{"value": "false"}')
            print("warning", file=sys.stderr)
            subprocess.run(["echo", "from a child"])
            return sys.stdin.read()
    """
    bench.deploy(source)

    assert bench.value() == ""
    assert eventually(lambda: len(bench.printed) == 3)
    assert bench.printed == ['echo: {"value": "false"}', "echo: warning", "echo: from a child"]


def test_bytes_that_are_no_text_do_not_stop_the_log(bench: Bench):
    bench.deploy("import os\ndef handler(event, context): os.write(1, b'\\xff\\nnext\\n')")
    bench.value()

    assert eventually(lambda: bench.printed == ["echo: \ufffd", "echo: next"])


@pytest.mark.parametrize("over_bytes", [-1, 0])
def test_an_event_up_to_the_limit_is_taken(bench: Bench, over_bytes: int):
    bench.deploy("def handler(event, context): return len(event)")
    text = "x" * (CALL_LIMIT_BYTES - 2 + over_bytes)

    assert bench.value(text) == len(text)


def test_an_event_above_the_limit_is_refused(bench: Bench):
    bench.deploy(ECHO)

    assert bench.error("x" * (CALL_LIMIT_BYTES - 1))[0] == TOO_LARGE_TO_CALL


def test_the_limit_counts_bytes_of_utf_8(bench: Bench):
    bench.deploy("def handler(event, context): return len(event)")

    assert bench.value("ä" * (CALL_LIMIT_BYTES // 2 - 1)) == CALL_LIMIT_BYTES // 2 - 1
    assert bench.error("ä" * (CALL_LIMIT_BYTES // 2))[0] == TOO_LARGE_TO_CALL


@pytest.mark.parametrize("over_bytes", [-1, 0])
def test_an_answer_up_to_the_limit_is_given(bench: Bench, over_bytes: int):
    bench.deploy("def handler(event, context): return 'x' * event")
    size = ANSWER_LIMIT_BYTES - 2 + over_bytes

    assert len(bench.value(size)) == size


def test_an_answer_above_the_limit_is_an_error(bench: Bench):
    bench.deploy("def handler(event, context): return 'x' * event")

    assert bench.error(ANSWER_LIMIT_BYTES - 1)[0] == TOO_LARGE_TO_ANSWER


def test_an_answer_is_counted_as_the_json_that_leaves_the_function(bench: Bench):
    bench.deploy("def handler(event, context): return {'body': event['text'] * event['times']}")
    most = ANSWER_LIMIT_BYTES - len('{"body": ""}')

    for text, size_bytes in (('"', 2), ("\\", 2), ("ä", 6), ("\U0001f3a5", 12)):
        assert bench.value({"text": text, "times": most // size_bytes})
        assert bench.error({"text": text, "times": most // size_bytes + 1})[0] == TOO_LARGE_TO_ANSWER


def test_a_warm_function_has_its_imports_done(bench: Bench):
    bench.deploy(
        "import time\nREADY_AT = time.monotonic()\ndef handler(event, context): return READY_AT < event"
    )
    warm = bench.lambdas.warm("echo")

    assert warm == Outcome()
    assert bench.value(time.monotonic()) is True


def test_warming_a_function_that_cannot_start_says_why(bench: Bench):
    bench.deploy("import moto")

    error = bench.lambdas.warm("echo").error

    assert error is not None
    assert error.type == "Runtime.ImportModuleError"


def test_closing_ends_idle_processes_and_leaves_no_folder_and_no_thread(bench: Bench):
    bench.deploy(PID)
    pid = bench.value()
    bench.lambdas.close()

    assert not is_running(pid)
    assert list(bench.workdir.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "log-echo"]


def test_closing_ends_a_call_under_way(bench: Bench, tmp_path: Path):
    bench.deploy(HANG, timeout_s=60.0)
    here = tmp_path / "here"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.error, str(here))
        assert eventually(here.exists)
        bench.lambdas.close()

    assert running.result()[0] == "Runtime.ExitError"
    assert list(bench.workdir.iterdir()) == []


def test_closing_refuses_calls_that_wait_and_calls_that_come(opened: Callable[..., Bench], tmp_path: Path):
    bench = opened(concurrency=1)
    bench.deploy(HANG, timeout_s=60.0)
    here = tmp_path / "here"
    with ThreadPoolExecutor(2) as pool:
        pool.submit(bench.call, str(here))
        assert eventually(here.exists)
        waiting = pool.submit(bench.error, str(here))
        bench.lambdas.close()

    assert waiting.result()[0] == bench.error()[0] == "ServiceException"


def test_temporary_files_of_functions_end_with_them(bench: Bench):
    bench.deploy("import tempfile\ndef handler(event, context): return tempfile.mkdtemp()")
    folder = Path(bench.value())
    assert folder.is_relative_to(bench.workdir)
    bench.lambdas.close()

    assert not folder.exists()


PARENT = """
import sys
from pathlib import Path

from infra.local.aws.lambdas.lambdas import Lambdas
from tests.infra.deployed_functions import Register, make_function

lambdas = Lambdas(
    functions=Register(make_function(Path(sys.argv[1]).read_text(), timeout_s=300.0)),
    endpoint_url="http://127.0.0.1:9",
    runtime=Path(sys.argv[2]),
    workdir=Path(sys.argv[2]),
    log=lambda line: print(line, flush=True),
)
lambdas.invoke("echo", None)
lambdas.invoke("echo", "hang")
"""
CHILDREN = """
import os, subprocess, sys, time

def handler(event, context):
    if event == "hang":
        child = subprocess.Popen(["sleep", "300"])
        print(os.getpid(), child.pid)
        time.sleep(300)
"""


def test_a_process_and_its_children_die_when_the_parent_is_killed(tmp_path: Path):
    source = tmp_path / "source.py"
    source.write_text(CHILDREN)
    house = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PARENT, str(source), str(tmp_path)]
    with subprocess.Popen(command, cwd=house, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()[1:]]
        assert [is_running(pid) for pid in pids] == [True, True]
        parent.kill()

    assert eventually(lambda: not any(is_running(pid) for pid in pids))
