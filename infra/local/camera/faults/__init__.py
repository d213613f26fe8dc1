"""What may go wrong, and when: scripted faults by path, by the n-th request, and by the byte that it asks for.

A new fault is a small class with one of three methods: `happen` changes the camera, `request` what it hears, `answer`
what it says. `table` strikes with it.
"""
