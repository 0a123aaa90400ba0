"""The application: one FastAPI codebase, served by AWS Lambda and by ECS Fargate."""
