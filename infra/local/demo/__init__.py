"""The whole story on this machine: camera, haul, coordinator, processor, cleanup, restore, and the proof of each."""
