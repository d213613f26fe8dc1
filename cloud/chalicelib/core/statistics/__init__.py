"""What a deployment can say of its sessions without reading them: counters, and what they mean.

counts        what is counted, by name, and where: by project, day and shard, and by project, day and device
contribution  what one session adds to the counters
histogram     times until a session was safe, in buckets
"""
