"""What a worker keeps of each partition: customer records in memory or on disk, and the changelog behind them."""
