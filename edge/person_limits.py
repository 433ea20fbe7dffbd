"""How long what is said of a person may be: for the file of people, and for whoever asks the daemon
about them, who must not load that file's code for it.
"""

NAME_CHARS_MAX = 100
