"""What the project costs, next to what one would pick instead and to the floor below both."""
