"""All planted bugs that histories must find."""

from tests.histories.planted.cleaning import OF_CLEANING
from tests.histories.planted.device import ON_DEVICE
from tests.histories.planted.evidence_and_proxies import OF_EVIDENCE, OF_PROXIES
from tests.histories.planted.orders import OF_ORDERS
from tests.histories.planted.uploads import OF_UPLOADS

BUGS = (*OF_CLEANING, *OF_UPLOADS, *OF_ORDERS, *ON_DEVICE, *OF_EVIDENCE, *OF_PROXIES)
