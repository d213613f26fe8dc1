"""The names of stages that mean something by themselves."""

LOCAL_STAGE = "local"
"""The stage on the local AWS: no layer, no Athena, and nobody deploys it to AWS."""
