"""What `doctor` looks at: a deployed stage beside what the templates and the project of the checkout say it should be.

Nothing here runs from the installed command, which carries neither the templates nor the project.
"""
