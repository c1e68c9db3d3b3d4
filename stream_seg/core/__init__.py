"""The core: pure rules that turn events into segments, without clocks, I/O or frameworks."""
