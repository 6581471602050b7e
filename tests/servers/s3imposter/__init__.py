"""The parts of imposter.py, which starts them and whose first lines list what a test can script."""
