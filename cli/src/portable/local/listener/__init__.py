"""The stand-in for the listener of the load balancer."""
