"""The camera over HTTP, read only.

client       each call as one try; the haul decides about the next
connection   the only way to a camera: allow-listed GET and HEAD, time-outs, errors in our words
link         its address and network interface
ranged_read  a ranged read that believes nothing it has not compared
mp4_boxes    pure: whether a file is all there, and which camera wrote it
documents    its JSON in our words
keep_alive   keeps it awake
"""
