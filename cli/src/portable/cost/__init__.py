"""What either side costs, and from which rate on Fargate is the cheaper one."""
