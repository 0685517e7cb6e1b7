/** A child that ends before it can say anything. */
process.exit(3);
