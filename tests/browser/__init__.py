"""The page in a real browser, on the deployed coordinator and the strict local AWS."""
