"""The local run: both targets behind a stand-in for the load balancer's listener."""
