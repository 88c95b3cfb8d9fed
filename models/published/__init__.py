"""The published system as it was released: crop, three channels, SE-ResNet50, supervised contrast and a probe.

Source: Wei et al., BIBM 2022 (arXiv 2208.10698), and its code, wxwxwwxxx/VertebralFractureGrading (MIT).
"""
