"""S3 as strict as S3, in front of moto: what moto lets pass and S3 does not is refused here, rule by rule."""

from infra.local.aws.strict_s3.chaos import Chaos, Fault, Occurrence
from infra.local.aws.strict_s3.layer import StrictS3
from infra.local.aws.strict_s3.policy import UnknownPolicy

__all__ = ["Chaos", "Fault", "Occurrence", "StrictS3", "UnknownPolicy"]
