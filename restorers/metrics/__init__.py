"""What can be measured on film, before a treatment and after it; nothing here restores anything.

Motion is found here by correlation and not by the flow that the treatments use: what judges a treatment is not what
made it. All lengths are in pixels of the scan, all densities in D, all frequencies in cycles per pixel or per frame.
"""
