"""What the course carries: data sets with their cards, and small trained weights."""
