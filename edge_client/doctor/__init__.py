"""Examine a device and the camera, network and coordinator that it needs. A check only looks: it changes nothing."""
