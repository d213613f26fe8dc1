"""Checksums that S3 computes: what an action leaves on record and in S3, and what it reports."""

from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.manifest import Stated
from chalicelib.core.session import ChecksumCopy
from tests.core.settle import cases
from tests.core.settle.cases import VIDEO
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import BODY, session_of, world, written
from tests.support.builders import UPLOAD_ID, MemoryPorts, recorded
from tests.support.memory import MemoryObjectStore, crc64nvme_of


class NamedOnly(MemoryObjectStore):
    """S3 for which each multipart upload has to have a name."""

    def create_multipart(self, key, upload_id):
        assert upload_id
        return super().create_multipart(key, upload_id)


def without_checksum() -> tuple[MemoryPorts, settle.ComputeChecksum]:
    """Ports with an output that was written without CRC64NVME, and what is owed to it."""
    picture = cases.stored_session().picture
    ports = world(picture)
    ports = replace(ports, objects=NamedOnly(ports.clock))
    ports.objects.put_without_crc64nvme(picture.key(VIDEO), BODY)
    stored = ports.objects.head(picture.key(VIDEO))
    assert stored
    return ports, settle.ComputeChecksum(Stated(VIDEO, len(BODY), crc64nvme_of(BODY)), stored)


def test_a_computed_checksum_is_on_the_log_with_its_key_and_leaves_no_copy(acted: Acted):
    ports, action = without_checksum()

    after = acted.carry_out(ports, action)

    assert (after.session.checksum_copy, list(ports.objects.multiparts(""))) == (None, [])
    assert after.receipts[0].crc64nvme == crc64nvme_of(BODY)
    line = acted.logged("checksum computed")
    assert (line.about["key"], line.about["size_bytes"]) == (action.stored.key, len(BODY))


def test_a_copy_that_is_gone_is_a_warning_and_begins_again_later(acted: Acted):
    ports, action = without_checksum()
    copy = ChecksumCopy(VIDEO, action.stored.key, action.stored.version_id, "gone", 10)
    ports.records.arrange(replace(recorded(ports), session=replace(session_of(ports), checksum_copy=copy)))

    after = acted.carry_out(ports, action)

    assert (after.session.checksum_copy, after.receipts) == (None, ())
    line = acted.logged("checksum copy is gone")
    assert (line.level, line.about["key"]) == ("WARNING", action.stored.key)
    assert "gone" in str(line.about["error"])


def test_a_copy_that_nobody_needs_is_off_the_record_and_out_of_s3(acted: Acted):
    ports, action = without_checksum()
    stored = action.stored
    multipart_id = ports.objects.create_multipart(stored.key, UPLOAD_ID)
    copy = ChecksumCopy(VIDEO, stored.key, stored.version_id, multipart_id, 10)
    before = session_of(ports)
    ports.records.arrange(replace(recorded(ports), session=replace(before, checksum_copy=copy)))

    after = acted.carry_out(ports, settle.DropChecksumCopy())

    assert (after.session, list(ports.objects.multiparts(""))) == (written(before), [])
