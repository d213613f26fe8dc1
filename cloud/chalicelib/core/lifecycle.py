"""What the lifecycle of the bucket ends and when: days that settings and template keep to, and how rules are read."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.cleanup import CLEANED_TAG

MULTIPART_DAYS = 7
"""The days after which the bucket's lifecycle aborts a multipart upload; ours end before."""

LAST_LOOK_DAYS = 1
"""The days between the last look at cleaned originals and the time when S3 may purge them."""

FEWEST_RESTORABLE_DAYS = LAST_LOOK_DAYS + 1
"""With fewer days the last look would coincide with the cleanup, or not happen."""

MOST_RESTORABLE_DAYS = 3_650


def kept_days(rules: Sequence[Mapping[str, Any]], prefix: str) -> int | None:
    """The days for which every cleaned noncurrent version below `prefix` surely stays readable.

    None when no rule ends all of them.

    Of rules that overlap the shortest counts, also of those that cover only some of the prefix. One that ends or
    archives objects in another way leaves no day at all.
    Source: docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    enabled = [rule for rule in rules if rule.get("Status") == "Enabled" and _touches(rule, prefix)]
    days = [_days_left_by(rule) for rule in enabled]
    if not any("NoncurrentVersionExpiration" in rule and _covers(rule, prefix) for rule in enabled):
        return None
    return min(each for each in days if each is not None)


def _days_left_by(rule: Mapping[str, Any]) -> int | None:
    """The days that a rule leaves a noncurrent version; None when it says nothing of them."""
    ends_current = {"Days", "Date"} & rule.get("Expiration", {}).keys()
    if ends_current or rule.get("Transitions") or rule.get("NoncurrentVersionTransitions"):
        return 0
    expiration = rule.get("NoncurrentVersionExpiration")
    return None if expiration is None else int(expiration.get("NoncurrentDays", 0))


def _touches(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule covers anything below `prefix`."""
    covered = _prefix(rule)
    return prefix.startswith(covered) or covered.startswith(prefix)


def _covers(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule covers everything that was cleaned below `prefix`: no other tag and no size narrows it."""
    chosen = rule.get("Filter", {})
    narrows = {*chosen, *chosen.get("And", {})} - {"Prefix", "Tag", "Tags", "And"}
    return not narrows and set(_tags(rule)) <= {CLEANED_TAG} and prefix.startswith(_prefix(rule))


def purges_untagged(rules: Sequence[Mapping[str, Any]], prefix: str) -> bool:
    """Whether a rule ends noncurrent versions below `prefix` without CLEANED_TAG, which nobody cleaned."""
    return any(
        "NoncurrentVersionExpiration" in rule and CLEANED_TAG not in _tags(rule)
        for rule in rules
        if rule.get("Status") == "Enabled" and _touches(rule, prefix)
    )


def _tags(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All the tags that an object must carry for the rule to cover it."""
    chosen = rule.get("Filter", {})
    tags = [*([chosen["Tag"]] if "Tag" in chosen else []), *chosen.get("And", {}).get("Tags", ())]
    return [(tag["Key"], tag["Value"]) for tag in tags]


def _prefix(rule: Mapping[str, Any]) -> str:
    chosen = rule.get("Filter", {})
    return str(chosen.get("Prefix") or chosen.get("And", {}).get("Prefix") or rule.get("Prefix") or "")
