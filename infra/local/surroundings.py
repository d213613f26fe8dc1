"""What a person's environment says about other places, and what a process that stays on this machine does with it."""

from collections.abc import MutableMapping

LOOPBACK = ("127.0.0.1", "localhost")

_PASSED_BY = ("no_proxy", "NO_PROXY")
_EVERYTHING = "*"


def ignore_surroundings(environment: MutableMapping[str, str]) -> None:
    """Remove every setting of an AWS, and reach this machine without a proxy.

    The proxies themselves remain: pip may need them for the package index.
    """
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    # A lower-case name wins over an upper-case one where both are read, so both say the same.
    given = next((environment[name] for name in _PASSED_BY if environment.get(name)), "")
    if given != _EVERYTHING:
        given = ",".join([*filter(None, [given]), *LOOPBACK])
    environment.update(dict.fromkeys(_PASSED_BY, given))
