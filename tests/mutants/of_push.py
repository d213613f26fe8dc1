"""The bugs that are planted in what opens a page's socket, and in what it hears."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"

OF_PUSH = (
    bug(
        "a page hears which sessions of other projects change",
        f"{CORE}/push.py",
        " or listener.project != project_of(session_id)",
        "",
        "tests/core/test_push.py",
    ),
    bug(
        "who was shared one session hears of all",
        f"{CORE}/push.py",
        "    return listener.session_id in (None, session_id)\n",
        "    return True\n",
        "tests/core/test_push.py",
    ),
    bug(
        "the page of a share link hears of all sessions of its project",
        "cloud/chalicelib/web/api/push.py",
        "Listener(call.project, call.principal.only_session)",
        "Listener(call.project)",
        "tests/web/test_push_api.py",
    ),
    bug(
        "a ticket opens sockets until its end",
        "cloud/chalicelib/aws/push.py",
        '        item = answer.get("Attributes")\n',
        '        item = answer.get("Attributes")\n        if item:\n            self._put(item)\n',
        "tests/contracts/test_push_contract.py",
        "-k",
        "ticket",
    ),
    bug(
        "a ticket is good without end",
        f"{FLOWS}/push.py",
        "    if ticket is None or not ticket.is_good(now):\n",
        "    if ticket is None:\n",
        "tests/flows/test_push.py",
    ),
    bug(
        "a hint that cannot be sent fails the call that made the change",
        f"{FLOWS}/push.py",
        "    except Exception:  # a door: a hint fails no call that has done its work\n",
        "    except StopIteration:\n",
        "tests/flows/test_push.py",
    ),
)
