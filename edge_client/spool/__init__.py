"""Parts on disk: reserve, write, re-check, drop; and the small documents next to them, all of it durable.

    {spool}/lock                                                one client per spool
    {spool}/.proofs/{chapter}.json                              what was compared with a card; no session is named so
    {spool}/.broken/{path}.json                                 films that were not finished and did not change
    {spool}/.forgotten/{session}/                               sessions that are being removed
    {spool}/{session}/plan.json report.json stuck.json sidecars.json
    {spool}/{session}/receipts/{artifact_id}.json
    {spool}/{session}/{artifact_id}.{identity}/{number}-{first byte}-{crc64nvme}.part
    {spool}/{session}/{artifact_id}.{identity}/confirmed    CRC64NVME of the whole that a last look confirmed
    {spool}/{session}/{artifact_id}.{identity}/suspect      numbers of the parts that may be of another card's file

A part's name says which bytes of which file it holds, so a part of another file or of another part plan is never
taken for it, and its CRC is checked again each time it is sent. A name without `.part` is not finished.
"""
