"""A gate as its camera sees it, what can go wrong with such a camera, and a server of its pictures.

Heavy side: everything here but `family.py` needs the extra `biometrics`.
"""
