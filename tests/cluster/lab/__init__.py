"""Two real Kubernetes clusters on one machine, `onprem` and `cloud`, joined by a link that tests can cut.

In here: building the programs and images, bringing the clusters up and down, faults. Not in here: anything that
landbridge itself does; the lab knows nothing of it but its folder, which becomes the top layer of an image.
"""
