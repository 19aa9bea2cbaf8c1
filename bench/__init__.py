"""What Roundtable costs, measured beside what it could cost at best; and an account of every request sent."""
