"""Renderings of a run's result: terminal, HTML, JSON and JUnit XML, and the files they are written to."""
