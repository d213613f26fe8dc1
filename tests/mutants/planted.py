"""The planted bugs: each changes one behaviour that guards data, and names the tests of which one must notice."""

from tests.mutants.at_rest import IN_THE_PROOF_AT_REST
from tests.mutants.bounded_work import BOUNDED_WORK
from tests.mutants.counting import COUNTING
from tests.mutants.deploying import DEPLOYING
from tests.mutants.judging import JUDGING
from tests.mutants.mutant import Edit, Mutant, bug
from tests.mutants.of_browsers import OF_BROWSERS
from tests.mutants.of_callers import OF_CALLERS
from tests.mutants.of_copies import OF_COPIES
from tests.mutants.of_evidence import OF_EVIDENCE
from tests.mutants.of_landings import OF_LANDINGS
from tests.mutants.of_notices import OF_NOTICES
from tests.mutants.of_push import OF_PUSH
from tests.mutants.of_scans import OF_SCANS
from tests.mutants.of_sidecars import OF_SIDECARS
from tests.mutants.of_the_lake import OF_THE_LAKE
from tests.mutants.of_the_page import OF_THE_PAGE
from tests.mutants.of_uploads import OF_UPLOADS
from tests.mutants.on_device import ON_DEVICE
from tests.mutants.reading_again import READING_AGAIN
from tests.mutants.reconciling import IN_THE_RECONCILER
from tests.mutants.turns import TURNS

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"
GATES = f"{CORE}/settle/gates.py"
SETTLE = ("tests/core/settle",)
INTERRUPTED = ("tests/simulation/test_cleanup_interrupted.py",)
FAILING_CALLS = ("tests/simulation/test_every_call_fails_once.py", "-k", "written and ERROR_BEFORE")


def _gate(name: str, function: str) -> Mutant:
    """A gate that is always open. Only the tests of `settle` are asked, where no neighbour hides it."""
    edit = Edit(GATES, f'    "{name}": {function},\n', f'    "{name}": lambda *_: None,\n')
    return Mutant(f"gate {name} is always open", (edit,), SETTLE)


MUTANTS = (
    bug(
        "a plan that nobody got is a success",
        "infra/door.py",
        "        return code or FAILED\n",
        "        return code\n",
        "tests/infra/test_door.py",
        "-k",
        "true_one",
    ),
    bug(
        "a token that nobody could read stays good",
        "infra/admin/commands/tokens.py",
        "        devices.revoke(registry, made.token_id)\n",
        "",
        "tests/infra/test_admin.py",
    ),
    bug(
        "what a restore leaves away is purged without a last look",
        f"{FLOWS}/actions/cleaning.py",
        "    for each in (receipt, *picture.restorable):\n",
        "    for each in (receipt,):\n",
        "tests/flows/test_restoring.py",
    ),
    bug(
        "the import's order goes to the processing queue",
        f"{CORE}/session.py",
        "self.order.sent_at is None and not self.order.is_import",
        "self.order.sent_at is None",
        "tests/flows/test_imports.py",
    ),
    bug(
        "an order of exactly what was imported changes nothing",
        f"{FLOWS}/operations.py",
        "known.sent_at is None and not known.is_import",
        "known.sent_at is None",
        "tests/flows/test_imports.py",
    ),
    bug(
        "a processor adds to what was imported",
        f"{FLOWS}/uploads.py",
        "        principal.demand(Role.OPERATOR)\n\n\ndef _find_upload",
        "        pass\n\n\ndef _find_upload",
        "tests/flows/test_imports.py",
    ),
    bug(
        "a session without its original counts as stored",
        f"{CORE}/settle/__init__.py",
        "    if picture.chapters and not picture.missing",
        "    if not picture.missing",
        "tests/flows/test_imports.py",
    ),
    bug(
        "an import believes a part that was sent before",
        "infra/migration/run.py",
        "stored.get(number) != crcs[-1]",
        "number not in stored",
        "tests/infra/migration/test_run.py",
        "-k",
        "mixture",
    ),
    bug(
        "a verified import was never compared",
        "infra/migration/run.py",
        "        if crc == receipt.crc64nvme\n",
        "        if crc\n",
        "tests/infra/migration/test_run.py",
        "-k",
        "planted_difference",
    ),
    bug(
        "an import may write into the older database",
        "infra/migration/legacy/sql.py",
        '"mode": "ro"',
        '"mode": "rw"',
        "tests/infra/migration/test_sources.py",
        "-k",
        "written_into",
    ),
    bug(
        "an import reads what lies outside the folder",
        "infra/migration/legacy/folder.py",
        "        return path.resolve().is_relative_to(self._root)",
        "        return True",
        "tests/infra/migration/test_run.py",
        "-k",
        "outside_the_folder",
    ),
    _gate("processed", "_is_processed"),
    _gate("outputs-required", "_requires_outputs"),
    _gate("ordered-here", "_is_ordered_here"),
    _gate("minimum-required", "_minimum_is_required"),
    _gate("outputs-verified", "_outputs_are_verified"),
    _gate("measurements-indexed", "_measurements_are_indexed"),
    _gate("chapters-verified", "_chapters_are_verified"),
    _gate("nothing-open", "_nothing_is_open"),
    _gate("not-held", "_is_not_held"),
    _gate("not-quarantined", "_nothing_is_quarantined"),
    _gate("originals-finished", "_originals_are_finished"),
    _gate("originals-whole", "_originals_are_whole"),
    _gate("evidence-agrees", "_evidence_agrees"),
    _gate("evidence-suffices", "_evidence_suffices"),
    _gate("nothing-lost", "_nothing_is_lost"),
    _gate("grace-over", "_grace_is_over"),
    _gate("armed", "_is_armed"),
    _gate("clocks-agree", "_clocks_agree"),
    _gate("grace-over-in-s3", "_grace_is_over_in_s3"),
    _gate("outputs-stand", "_outputs_stand"),
    _gate("bucket-keeps", "_bucket_keeps"),
    _gate("originals-stand", "_originals_stand"),
    Mutant(
        "gate outputs-plausible is always open",
        (Edit(GATES, "    PLAUSIBLE: _outputs_are_plausible,\n", "    PLAUSIBLE: lambda *_: None,\n"),),
        SETTLE,
    ),
    _gate("breaker", "_breaker_holds"),
    bug(
        "an order that requires nothing is fulfilled",
        f"{CORE}/settle/outputs.py",
        "return bool(picture.required) and not picture.awaited and",
        "return not picture.awaited and",
        *SETTLE,
    ),
    bug(
        "an unexpected error of a processor leaves its order for the dead letters",
        "examples/processor/processing.py",
        "        if is_of_this_machine(error):\n",
        "        if True:\n",
        "tests/infra/test_processor.py",
        "-k",
        "unexpected",
    ),
    bug(
        "pages of a session that others write meanwhile are one picture",
        "cloud/chalicelib/aws/records.py",
        '        if page.get("LastEvaluatedKey"):\n',
        '        if page.get("LastEvaluatedKey") and items.SESSION_SK in {item["sk"]["S"] for item in found}:\n',
        "tests/aws/test_records.py",
        "-k",
        "page",
    ),
    bug(
        "a session's own item is read last",
        "cloud/chalicelib/aws/records.py",
        '                for part in ("sk >= :session", "sk < :session")\n',
        '                for part in ("sk < :session", "sk >= :session")\n',
        "tests/aws/test_records.py",
        "-k",
        "page",
    ),
    bug(
        "projects share a session's records",
        "cloud/chalicelib/aws/items.py",
        'return {"pk": f"SESSION#{session_id}", "sk": sk}',
        'return {"pk": "SESSION#" + session_id.split("/")[1], "sk": sk}',
        "tests/contracts/test_projects_contract.py",
    ),
    bug(
        "projects share the list of a camera",
        "cloud/chalicelib/aws/items.py",
        'return f"CAMERA#{project}/{serial}"',
        'return f"CAMERA#{serial}"',
        "tests/contracts/test_cameras_contract.py",
    ),
    bug(
        "projects share the keys of originals",
        f"{CORE}/keys.py",
        'return f"{ORIGINALS}{session}/{escaped',
        'return ORIGINALS + session.split("/")[1] + f"/{escaped',
        "tests/core/test_keys.py",
        "tests/flows/test_projects.py",
    ),
    bug(
        "projects share the keys of what orders make",
        f"{CORE}/keys.py",
        'return f"{prefix}{session}/{order}/"',
        'return prefix + session.split("/")[1] + f"/{order}/"',
        "tests/core/test_keys.py",
        "tests/flows/test_projects.py",
    ),
    bug(
        "a device opens sessions in other projects",
        f"{FLOWS}/sessions.py",
        "    principal.demand_sight(wanted)\n",
        "",
        "tests/flows/test_projects.py",
    ),
    bug(
        "a token of one project may name any",
        f"{CORE}/tokens.py",
        "if not self.is_of(ids.project(named)):",
        "if not ids.project(named):",
        "tests/flows/test_projects.py",
    ),
    bug(
        "S3 removes by key alone",
        "cloud/chalicelib/aws/object_store.py",
        "Key=key, IfMatch=etag)",
        "Key=key)",
        "tests/contracts/test_object_store_contract.py",
    ),
    bug(
        "the bucket in memory removes by key alone",
        "tests/support/memory/object_store.py",
        "if current and current.etag == etag:",
        "if current:",
        "tests/contracts/test_object_store_contract.py",
    ),
    Mutant(
        "markers are written before the intent is on record",
        (
            Edit(
                f"{FLOWS}/actions/cleaning.py",
                "    cleanup = Cleanup(ports.clock.now(), action.doomed, action.evidence)\n",
                "    for each in action.doomed:\n"
                "        ports.objects.remove(each.key, each.etag)\n"
                "    cleanup = Cleanup(ports.clock.now(), action.doomed, action.evidence)\n",
            ),
        ),
        FAILING_CALLS,
    ),
    bug(
        "a marker is written though the session was written since",
        f"{FLOWS}/actions/cleaning.py",
        "    demand_unwritten(ports, picture)\n",
        "",
        *INTERRUPTED,
    ),
    bug(
        "the kill switch is not asked right before a marker",
        GATES,
        'LAST_MOMENT = ("armed", "outputs-stand")',
        'LAST_MOMENT = ("outputs-stand",)',
        *INTERRUPTED,
    ),
    bug(
        "the outputs are not looked at right before a marker",
        GATES,
        'LAST_MOMENT = ("armed", "outputs-stand")',
        'LAST_MOMENT = ("armed",)',
        *INTERRUPTED,
    ),
    bug(
        "nothing is counted against the day's limit",
        f"{FLOWS}/actions/cleaning.py",
        "    if not is_counted and not ports.records.spend("
        "now.date(), doomed.size_bytes, ports.policy.cleanup_limit):\n",
        "    if ports.policy.cleanup_limit.objects < 1:\n",
        *INTERRUPTED,
    ),
    bug(
        "a cleanup is finished without a look",
        f"{CORE}/settle/cleaning.py",
        "elif session.cleanup and _is_gone(session.cleanup, facts):",
        "elif session.cleanup:",
        *SETTLE,
    ),
    bug(
        "a cleanup that did not finish is never recalled",
        f"{CORE}/settle/cleaning.py",
        "    elif is_last_look_due(picture, now, policy):\n",
        "    elif session.cleanup is session.held:\n",
        *INTERRUPTED,
    ),
    bug(
        "the last look recalls nothing",
        f"{CORE}/settle/cleaning.py",
        "    if lost:\n",
        "    if lost and not picture.session.cleanup:\n",
        "tests/simulation/test_every_call_fails_once.py",
        "-k",
        "recalling",
    ),
    bug(
        "a restore is over while a marker may be on its way",
        f"{CORE}/settle/restoring.py",
        "if began_at and now < began_at + timedelta(seconds=policy.in_flight_s):",
        "if began_at and now < began_at:",
        *SETTLE,
    ),
    bug(
        "a restore takes the cleaned version for a rival",
        f"{CORE}/settle/uploads.py",
        "return bool(rivals) and upload.copies != rivals[-1].version_id",
        "return bool(rivals)",
        *SETTLE,
    ),
    bug(
        "an output's CRC64NVME is not compared with its manifest",
        f"{CORE}/settle/outputs.py",
        "return stated.size_bytes == stored.size_bytes and stored.crc64nvme in (None, stated.crc64nvme)",
        "return stated.size_bytes == stored.size_bytes",
        *SETTLE,
    ),
    bug(
        "the index of another version is taken",
        f"{CORE}/measurements/index.py",
        "        return (self.artifact_id, self.version_id) == (artifact_id, version_id)\n",
        "        return self.artifact_id == artifact_id\n",
        *SETTLE,
    ),
    bug(
        "another version is taken for what was verified",
        f"{CORE}/upload.py",
        "return (self.key, self.version_id, self.size_bytes, self.crc64nvme) == (\n"
        "            stored.key,\n"
        "            stored.version_id,\n",
        "return (self.key, self.version_id, self.size_bytes, self.crc64nvme) == (\n"
        "            stored.key,\n"
        "            self.version_id,\n",
        *SETTLE,
    ),
    bug(
        "an order counts as sent before it is sent",
        f"{FLOWS}/actions/outputs.py",
        "    ports.orders.send(write_message(ports, picture, order))\n"
        "    session = replace(picture.session, order=order.sent(ports.clock.now()))\n"
        "    return report(ports, save(ports, picture, session=session), Event.ORDER_SENT, order=order.number)\n",
        "    session = replace(picture.session, order=order.sent(ports.clock.now()))\n"
        "    picture = save(ports, picture, session=session)\n"
        "    ports.orders.send(write_message(ports, picture, order))\n"
        "    return report(ports, picture, Event.ORDER_SENT, order=order.number)\n",
        *FAILING_CALLS,
    ),
    bug(
        "an upload that is on record after all is taken back",
        f"{FLOWS}/create_upload.py",
        "if ports.records.session_of(upload.upload_id) is None:",
        "if upload.is_live:",
        "tests/simulation/test_every_call_fails_once.py",
        "-k",
        "written and TWICE",
    ),
    bug(
        "S3 assembles what nobody promised on record",
        f"{FLOWS}/actions/uploads.py",
        "    picture = save(ports, picture, upload)\n    try:\n        ports.objects.complete(",
        "    picture = picture.with_upload(upload)\n    try:\n        ports.objects.complete(",
        *FAILING_CALLS,
    ),
    bug(
        "a live upload's parts are aborted as an orphan's",
        f"{FLOWS}/reconcile.py",
        "upload.multipart_id == multipart.multipart_id and upload.owes for upload",
        "upload.multipart_id == multipart.multipart_id and upload.receipt for upload",
        "tests/flows/test_reconcile.py",
    ),
    bug(
        "a device's order replaces what the deployment requires",
        f"{CORE}/order.py",
        "    required = (*asked.required, *added)\n",
        "    required = asked.required\n",
        "tests/core/test_order.py",
    ),
    bug(
        "a device may go below what the deployment requires",
        f"{FLOWS}/sessions.py",
        "    if principal.role is Role.OPERATOR:\n        return leave_out",
        "    if principal.role is not Role.PROCESSOR:\n        return leave_out",
        "tests/flows/test_operations.py",
    ),
    bug(
        "what was read of another version is taken",
        f"{CORE}/film.py",
        "return (self.artifact_id, self.version_id) == (receipt.artifact_id, receipt.version_id)",
        "return self.artifact_id == receipt.artifact_id",
        *SETTLE,
    ),
    bug(
        "a film may be followed by anything",
        f"{CORE}/film.py",
        "    while at < end:\n        count += 1\n",
        "    while at + 8 < end:\n        count += 1\n",
        "tests/core/test_film.py",
    ),
    bug(
        "S3 reads the current version instead of the one that was verified",
        "cloud/chalicelib/aws/object_store.py",
        'VersionId=version_id, Range=f"bytes={first}-{last}"',
        'Range=f"bytes={first}-{last}"',
        "tests/contracts/test_object_store_contract.py",
    ),
    bug(
        "a marker is written over what no intent names",
        f"{FLOWS}/actions/cleaning.py",
        "    if cleanup is None or doomed not in cleanup.doomed:\n",
        "    if cleanup is None:\n",
        "tests/flows/test_cleaning.py",
        "-k",
        "no_marker_is_written_for",
    ),
    bug(
        "what S3 refuses is counted in every round",
        f"{FLOWS}/actions/cleaning.py",
        "    is_counted = cleanup.has_counted(doomed, now.date())\n",
        "    is_counted = False\n",
        "tests/flows/test_cleaning.py",
    ),
    Mutant(
        "what S3 refuses is tried in every round",
        (
            Edit(
                f"{CORE}/settle/cleaning.py",
                "    if rests_until and now < rests_until:\n",
                "    if rests_until and now < cleanup.decided_at:\n",
            ),
            Edit(
                f"{FLOWS}/actions/cleaning.py",
                "    if rests_until and ports.clock.now() < rests_until:\n",
                "    if rests_until and ports.clock.now() < cleanup.decided_at:\n",
            ),
        ),
        ("tests/flows/test_cleaning.py",),
    ),
    bug(
        "ensure passes over the outputs of cleaned sessions",
        "infra/admin/sessions.py",
        "    if session.state is SessionState.CLEANED:\n",
        "    if session.restoring:\n",
        "tests/infra/admin/test_ensure.py",
    ),
    bug(
        "measurements of another session are indexed",
        f"{FLOWS}/index_measurements.py",
        "        _demand_session(indexing.session, indexing.project, session_id)\n",
        "        _demand_session(None, indexing.project, session_id)\n",
        "tests/flows/test_measurement_index.py",
    ),
    bug(
        "measurements of a session of that name in another project are indexed",
        f"{FLOWS}/index_measurements.py",
        "        _demand_session(indexing.session, indexing.project, session_id)\n",
        "        _demand_session(indexing.session, None, session_id)\n",
        "tests/flows/test_measurement_index.py",
    ),
    bug(
        "measurements of two sessions are indexed",
        f"{CORE}/measurements/indexing.py",
        "        if self.session not in (None, text):\n",
        "        if self.session == text == self.kind:\n",
        "tests/flows/test_measurement_index.py",
    ),
    bug(
        "a smoke test's tokens are good for every project",
        "infra/admin/smoke/steps.py",
        "devices.enrol(self.place.ports, role, PROJECT, life_s=_TOKEN_S)",
        'devices.enrol(self.place.ports, role, "*", life_s=_TOKEN_S)',
        "tests/infra/admin/test_smoke.py",
        "-k",
        "another_project",
    ),
    bug(
        "a smoke test leaves its tokens good",
        "infra/admin/smoke/steps.py",
        "        for token_id in self._token_ids:\n",
        "        for token_id in self._token_ids[:0]:\n",
        "tests/infra/admin/test_smoke.py",
        "-k",
        "without_a_grace",
    ),
    bug(
        "a smoke test takes other bytes for its own",
        "infra/admin/smoke/steps.py",
        "        if found != wanted:\n",
        "        if not found:\n",
        "tests/infra/admin/test_smoke.py",
        "-k",
        "other",
    ),
    bug(
        "arming overwrites a kill switch that was thrown meanwhile",
        "infra/admin/commands/cleanup.py",
        "if not ports.records.replace_arming(known, arming) and ports.records.arming() != arming:",
        "if ports.records.replace_arming(ports.records.arming(), arming) is None:",
        "tests/infra/admin/test_cleanup.py",
    ),
    bug(
        "the table records an arming whatever was said since",
        "cloud/chalicelib/aws/records.py",
        "TableName=self._table, Item=items.arming_item(after), **_only_behind(before)",
        "TableName=self._table, Item=items.arming_item(after)",
        "tests/contracts/test_breaker_contract.py",
    ),
    bug(
        "a deploy shortens the days that were promised",
        "infra/aws/grace.py",
        "    if present is None or days >= _days(present):\n",
        "    if present is None or days >= FEWEST_RESTORABLE_DAYS:\n",
        "tests/infra/test_grace.py",
    ),
    bug(
        "a grace without a last look is deployed",
        "infra/aws/grace.py",
        "    if days < FEWEST_RESTORABLE_DAYS:\n",
        "    if days < 1:\n",
        "tests/infra/test_grace.py",
    ),
    bug(
        "the coordinator starts with a grace that has no last look",
        "cloud/chalicelib/settings.py",
        "_between(FEWEST_RESTORABLE_DAYS, MOST_RESTORABLE_DAYS)",
        "_between(1, MOST_RESTORABLE_DAYS)",
        "tests/test_settings.py",
    ),
    *BOUNDED_WORK,
    *DEPLOYING,
    *COUNTING,
    bug(
        "a presigned range brings the whole film",
        "cloud/chalicelib/aws/signer.py",
        'batch.url("GET", headers, _version(version_id)), headers,',
        'batch.url("GET", {}, _version(version_id)), headers,',
        "tests/contracts/test_reads_contract.py",
        "-k",
        "range",
    ),
    bug(
        "a reason steers the operator's terminal",
        "infra/admin/console.py",
        "    print(plain(line).encode(",
        "    print(line.encode(",
        "tests/infra/admin/test_command.py",
        "-k",
        "steers",
    ),
    *IN_THE_PROOF_AT_REST,
    *TURNS,
    *IN_THE_RECONCILER,
    *OF_COPIES,
    *ON_DEVICE,
    *READING_AGAIN,
    *OF_UPLOADS,
    *JUDGING,
    *OF_BROWSERS,
    *OF_CALLERS,
    *OF_EVIDENCE,
    *OF_NOTICES,
    *OF_PUSH,
    *OF_SIDECARS,
    *OF_SCANS,
    *OF_THE_LAKE,
    *OF_LANDINGS,
    *OF_THE_PAGE,
)
