"""What a segment is: pure rules over behaviour, free of clocks, I/O and frameworks."""
