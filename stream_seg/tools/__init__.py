"""What people do to topics from outside, without a worker: make and check them, fill, read, fold and mend them."""
