"""All planted bugs that histories must find."""

from dataclasses import replace

from tests.histories.planted.bug import Begin
from tests.histories.planted.cleaning import OF_CLEANING
from tests.histories.planted.device import ON_DEVICE
from tests.histories.planted.disk import ON_DISK
from tests.histories.planted.evidence_and_proxies import OF_EVIDENCE, OF_PROXIES
from tests.histories.planted.orders import OF_ORDERS
from tests.histories.planted.uploads import OF_UPLOADS

OF_RECORDINGS_AT_HOME = (*OF_CLEANING, *OF_ORDERS, *OF_EVIDENCE)

BUGS = (
    *(replace(bug, begin=Begin.HOME) for bug in OF_RECORDINGS_AT_HOME),
    *OF_UPLOADS,
    *(replace(bug, begin=Begin.HAUL) for bug in ON_DEVICE),
    *ON_DISK,
    *OF_PROXIES,
)
