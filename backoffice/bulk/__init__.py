"""Many orders at once: prices on one page, and one transition for the chosen rows of the list. Each order is a transaction of its own."""
