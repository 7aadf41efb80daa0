"""What is measured: pitch, energy and level of a recording; objective measures and listening studies of a bundle."""
