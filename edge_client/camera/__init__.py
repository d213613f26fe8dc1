"""The camera over HTTP, read only.

client       each call as one try; the haul decides about the next
session      the camera for as long as it is needed: known by its serial, kept awake, held against other clients
connection   the only way to a camera: allow-listed GET and HEAD, time-outs, errors in our words
link         its address and network interface
ranged_read  a ranged read that believes nothing it has not compared
mp4_boxes    pure: whether a file is all there, and which camera wrote it
documents    its JSON in our words
patience     how long to wait for answers that are only good to know, and for films that still change
keep_alive   keeps it awake
"""
